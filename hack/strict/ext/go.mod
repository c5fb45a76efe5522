// Stands in for a module of Traefik that cannot be had: its go.mod replaces it with
// a folder of its own, which a module that depends on it does not see.
module github.com/traefik/traefik/dynamic/ext
go 1.24
