package celery

import "healpipe/celery/internal/pyrepr"

// Repr prints a message value (nil, bool, numbers, string, []any, map[string]any ...) as Python's repr() does,
// for programs that show what Python's tools would show.
func Repr(v any) string { return pyrepr.Repr(v) }
