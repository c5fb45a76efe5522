// SPDX-License-Identifier: Apache-2.0

// Command docs writes the pages below docs/ that are made from the sources. Its
// tests follow the links of every Markdown file, and run what can be run of them.
package main

func main() {}
