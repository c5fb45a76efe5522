// Package tiny has what the tests notice, what they do not, and what they do not reach.
package tiny

var big = 3 > 2

// Counter counts.
type Counter[T any] struct{ n int }

// Add has a test.
func (c *Counter[T]) Add() { c.n = c.n + 1 }

// Both has a test that is too weak.
func Both(a, b bool) bool { return a && b }

// Sum never ends where the assignment is left out.
func Sum(n int) (sum int) {
	for n > 0 {
		sum += n
		n = n - 1
	}
	return sum
}

// Not has no test.
func Not(b bool) bool { return !b }
