package cli

import (
	"fmt"
	"strings"
	"time"
)

// parseISOTime reads the ISO 8601 forms that Celery's command line takes (dateutil's isoparse): a date down
// to a year, with or without dashes, then any character and a time down to hours, with or without colons,
// and an offset. Without an offset it is UTC, the time zone of an app that sets none.
func parseISOTime(s string) (time.Time, error) {
	bad := fmt.Errorf("%q is no ISO 8601 time such as 2026-01-31T12:00:00 or 2026-01-31T12:00:00+01:00", s)
	date, rest := s, ""
	for _, layout := range []string{"2006-01-02", "20060102"} {
		if len(s) > len(layout) && digitsLike(s[:len(layout)], layout) {
			date, rest = s[:len(layout)], s[len(layout)+1:]
			break
		}
	}
	day, err := parseAny(date, "2006-01-02", "20060102", "2006-01", "2006")
	if err != nil {
		return time.Time{}, bad
	}
	if date == s {
		return day, nil
	}
	clock, zone := rest, time.UTC
	if i := strings.IndexAny(rest, "Zz+-"); i >= 0 {
		clock = rest[:i]
		off, err := parseAny(strings.ToUpper(rest[i:]), "Z07:00", "Z0700", "Z07")
		if err != nil {
			return time.Time{}, bad
		}
		zone = off.Location()
	}
	next := 0
	if clock == "24" || clock == "2400" || clock == "24:00" || clock == "24:00:00" || clock == "240000" {
		clock, next = "00", 1
	}
	t, err := parseAny(strings.Replace(clock, ",", ".", 1), "15:04:05", "150405", "15:04", "1504", "15")
	if err != nil {
		return time.Time{}, bad
	}
	return time.Date(day.Year(), day.Month(), day.Day()+next, t.Hour(), t.Minute(), t.Second(), t.Nanosecond()/1000*1000, zone), nil
}

// digitsLike tells whether s has digits where the layout has them, and its other characters elsewhere.
func digitsLike(s, layout string) bool {
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	for i := range len(layout) {
		if digit(s[i]) != digit(layout[i]) || !digit(layout[i]) && s[i] != layout[i] {
			return false
		}
	}
	return true
}

// parseAny parses s by the first layout of its length, fractions of a second aside.
func parseAny(s string, layouts ...string) (time.Time, error) {
	whole, _, _ := strings.Cut(s, ".")
	for _, layout := range layouts {
		if len(whole) != len(layout) && layout[0] != 'Z' {
			continue
		}
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is in none of the forms", s)
}
