// Stands in for a module that Traefik replaces by a folder of its own
// repository, which its published module leaves out.
module github.com/traefik/traefik/dynamic/ext

go 1.26.0
