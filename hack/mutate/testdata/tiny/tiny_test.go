package tiny

import "testing"

func TestAdd(t *testing.T) {
	var c Counter[int]
	if c.Add(); c.n != 1 || !big {
		t.Fail()
	}
}

func TestBoth(t *testing.T) {
	if !Both(true, true) {
		t.Fail()
	}
}

func TestSum(t *testing.T) {
	if Sum(3) != 6 {
		t.Fatal("not 6")
	}
}
