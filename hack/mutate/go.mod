module github.com/ostiary/ostiary/hack/mutate

go 1.26.0

require golang.org/x/tools v0.51.0
