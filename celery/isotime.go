package celery

import (
	"fmt"
	"strings"
	"time"
)

// isoformat prints a time as Python's datetime.isoformat: microseconds only where there are some, the offset always.
func isoformat(t time.Time) string {
	if t.Nanosecond()/1000 == 0 {
		return t.Format("2006-01-02T15:04:05-07:00")
	}
	return t.Format("2006-01-02T15:04:05.000000-07:00")
}

// parseISO reads the dates that Celery puts into messages: ISO 8601 with T or a space, any number of digits after the
// second, an offset, Z or none (then in loc), or a date alone.
func parseISO(s string, loc *time.Location) (time.Time, error) {
	text := strings.Replace(s, " ", "T", 1)
	for _, layout := range []string{
		"2006-01-02T15:04:05.999999999Z07:00",
		"2006-01-02T15:04:05.999999999Z0700",
		"2006-01-02T15:04Z07:00",
	} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02", "20060102T150405"} {
		if t, err := time.ParseInLocation(layout, text, loc); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("invalid date %q", s)
}
