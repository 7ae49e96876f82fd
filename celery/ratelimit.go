package celery

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseRate reads a rate limit ("10", "10/s", "100/m", "5/h"; "", "0" and "None" mean none) as tasks per second.
func parseRate(s string) (float64, error) {
	if s == "" || s == "None" {
		return 0, nil
	}
	num, unit, _ := strings.Cut(s, "/")
	n, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
	if err != nil {
		return 0, fmt.Errorf("could not convert string to float: '%s'", num)
	}
	switch unit {
	case "", "s":
		return n, nil
	case "m":
		return n / 60, nil
	case "h":
		return n / 3600, nil
	}
	return 0, &badRate{unit}
}

// badRate is a unit that no rate has: a KeyError in Python, where a bad number is a ValueError.
type badRate struct{ unit string }

func (e *badRate) Error() string { return "'" + e.unit + "'" }

// tokenBucket lets one task through at a time, at most rate a second, and keeps the others in their order. It is
// used under the consumer's lock.
type tokenBucket struct {
	rate   float64
	tokens float64
	last   time.Time
	queue  []*Request
	timed  bool // a wake-up is scheduled
}

func newTokenBucket(rate float64, now time.Time) *tokenBucket {
	return &tokenBucket{rate: rate, tokens: 1, last: now}
}

// take consumes a token if there is one.
func (b *tokenBucket) take(now time.Time) bool {
	b.refill(now)
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

func (b *tokenBucket) refill(now time.Time) {
	if dt := now.Sub(b.last).Seconds(); dt > 0 {
		b.tokens = min(1, b.tokens+dt*b.rate)
	}
	b.last = now
}

// wait is the time until the next token.
func (b *tokenBucket) wait() time.Duration {
	return time.Duration((1 - b.tokens) / b.rate * float64(time.Second))
}
