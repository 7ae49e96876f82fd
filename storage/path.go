package storage

import "strings"

// hiddenPrefix begins the temporary names; no key part may begin so, and no listing shows them.
const hiddenPrefix = ".healpipe-"

func hidden(name string) bool { return strings.HasPrefix(name, hiddenPrefix) }

// Join puts a key behind a root as the root was written: one slash between the two.
func Join(root, key string) string {
	if root == "" || strings.HasSuffix(root, "/") {
		return root + key
	}
	return root + "/" + key
}

// dirPrefix returns the prefix of the keys below a folder; "" for the root.
func dirPrefix(dir string) string {
	if dir = strings.Trim(dir, "/"); dir == "" {
		return ""
	}
	return dir + "/"
}

// cutRange resolves a range of GetRange against the object's size: the last n bytes for a negative off,
// nothing for a range behind the end.
func cutRange(off, n, size int64) (int64, int64) {
	n = max(n, 0)
	if off < 0 {
		off = max(size-n, 0)
	}
	off = min(off, size)
	return off, min(n, size-off)
}
