package cli

import "fmt"

// plural is "1 file" or "3 files".
func plural(n int, noun string) string { return fmt.Sprintf("%d %s", n, pluralOf(n, noun)) }

// pluralOf is "file" or "files".
func pluralOf(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}
