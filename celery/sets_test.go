package celery

import (
	"slices"
	"testing"
	"time"
)

// fakeClock stands still until it is moved.
type fakeClock struct {
	realClock
	now time.Time
}

func (c *fakeClock) Now() time.Time { return c.now }

func TestRevokedForgetsTheOldest(t *testing.T) {
	t.Parallel()
	c := &fakeClock{now: time.Unix(1000, 0)}
	s := newLimitedSet(2, time.Minute, c.Now)
	for _, id := range []string{"a", "b", "a", "c"} {
		s.add(id)
	}
	if got := s.list(); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("kept %v", got)
	}
	c.now = c.now.Add(2 * time.Minute)
	if s.contains("a") || len(s.list()) != 0 {
		t.Error("ids outlive their time")
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for retries, want := range map[int]time.Duration{0: 2 * time.Second, 3: 16 * time.Second, 20: 600 * time.Second, 70: 600 * time.Second} {
		if got := backoff(2*time.Second, retries, 0, false); got != want {
			t.Errorf("retry %d: %v, want %v", retries, got, want)
		}
		if got := backoff(2*time.Second, retries, 0, true); got < 0 || got > want {
			t.Errorf("retry %d with jitter: %v", retries, got)
		}
	}
}

func TestTokenBucket(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	b := newTokenBucket(10, now)
	if !b.take(now) || b.take(now) {
		t.Fatal("a fresh bucket holds exactly one token")
	}
	if w := b.wait(); w != 100*time.Millisecond {
		t.Errorf("next token in %v", w)
	}
	if !b.take(now.Add(100 * time.Millisecond)) {
		t.Error("no token after its time")
	}
}

func TestMaskURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"redis://h:1/0":                                    "redis://h:1/0",
		"redis://:pw@h/0":                                  "redis://:**@h/0",
		"sentinel://u:p@a:1;sentinel://u:p@b:2":            "sentinel://u:**@a:1;sentinel://u:**@b:2",
		"rediss://user:p%40ss@h:6379/0?ssl_cert_reqs=none": "rediss://user:**@h:6379/0?ssl_cert_reqs=none",
	} {
		if got := maskURL(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
