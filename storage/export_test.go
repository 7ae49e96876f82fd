package storage

import (
	"context"
	"testing"
)

// TogetherUntilCleanup is the view that Together gives its function, for the length of a test.
func TogetherUntilCleanup(t *testing.T, l *Local) Storage {
	view := l.together(context.Background())
	t.Cleanup(func() { _ = view.later.finish() })
	return view
}
