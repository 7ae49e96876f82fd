package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ParseTimestamp reads a date as pandas.Timestamp does, in the forms that settings use: "1940",
// "1940-01-01", "1940/1/1 06:00", "19400101T0600", "1 January 1940", "1/31/1940" (the month first), with
// UTC or no zone. Other zones are refused, since the pipeline's times have none.
func ParseTimestamp(s string) (time.Time, error) {
	text := strings.TrimSpace(s)
	if m := isoForm.FindStringSubmatch(text); m != nil {
		return instant(s, m[1], orWord(m[2], "1"), orWord(m[3], "1"), m[4:8], m[8])
	}
	if m := compactForm.FindStringSubmatch(text); m != nil {
		return instant(s, m[1], m[2], m[3], m[4:8], m[8])
	}
	if m := usForm.FindStringSubmatch(text); m != nil {
		month, day := m[1], m[2]
		if n, _ := strconv.Atoi(month); n > 12 {
			month, day = day, month
		}
		return instant(s, m[3], month, day, m[4:8], m[8])
	}
	for _, layout := range namedLayouts {
		if t, err := time.Parse(layout, strings.ReplaceAll(text, ",", "")); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("is no date that is understood: %q, write it as YYYY-MM-DD or YYYY-MM-DDTHH:MM", s)
}

const clockForm = `(?:[T ]+(\d{1,2})(?::?(\d{1,2})(?::?(\d{1,2})(?:\.(\d{1,9}))?)?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?)?$`

var (
	isoForm      = regexp.MustCompile(`^(\d{4})(?:[-/. ](\d{1,2})(?:[-/. ](\d{1,2}))?)?` + clockForm)
	compactForm  = regexp.MustCompile(`^(\d{4})(\d\d)(\d\d)` + clockForm)
	usForm       = regexp.MustCompile(`^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})` + clockForm)
	namedLayouts = []string{"Jan 2 2006", "January 2 2006", "2 Jan 2006", "2 January 2006", "Jan 2006", "January 2006", "2-Jan-2006", "2006-Jan-2"}
)

// instant puts the parts together and refuses the 30th of February.
func instant(s, year, month, day string, clock []string, zone string) (time.Time, error) {
	var n [6]int
	for i, p := range []string{year, month, day, clock[0], clock[1], clock[2]} {
		n[i], _ = strconv.Atoi(p) // digits only, or empty for 0
	}
	nanos, _ := strconv.Atoi((clock[3] + "000000000")[:9])
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], nanos, time.UTC)
	if t.Year() != n[0] || int(t.Month()) != n[1] || t.Day() != n[2] || n[3] > 23 || n[4] > 59 || n[5] > 59 {
		return time.Time{}, fmt.Errorf("is no date of the calendar: %q", s)
	}
	switch strings.Trim(zone, "+-0:") {
	case "", "Z", "UTC":
		return t, nil
	}
	return time.Time{}, fmt.Errorf("has the time zone %s: %q, write it in UTC without a zone", zone, s)
}

var freqPart = regexp.MustCompile(`^\s*([+-]?\d*\.?\d*)\s*([A-Za-zµ]+)`)

// ParseFreq reads a pandas frequency of fixed length: "h", "3h", "15min", "1D12h", "0.5h". The letters of
// older pandas (H, T, S, L, U) count as well. Months, years, weeks and business days are refused: the
// store's axis is regular.
func ParseFreq(s string) (time.Duration, error) {
	rest, total := s, time.Duration(0)
	for strings.TrimSpace(rest) != "" {
		m := freqPart.FindStringSubmatch(rest)
		if m == nil {
			return 0, fmt.Errorf("is no frequency: %q, write one such as 1h, 15min or 1D", s)
		}
		unit, ok := freqUnits[m[2]]
		if !ok {
			return 0, fmt.Errorf("has the frequency %q, whose unit %q has no fixed length here, write one in D, h, min or s", s, m[2])
		}
		n := 1.0
		switch m[1] {
		case "", "+":
		case "-":
			n = -1
		default:
			var err error
			if n, err = strconv.ParseFloat(m[1], 64); err != nil {
				return 0, fmt.Errorf("is no frequency: %q, write one such as 1h, 15min or 1D", s)
			}
		}
		d, err := scale(n, unit)
		if err != nil {
			return 0, err
		}
		total += d
		rest = rest[len(m[0]):]
	}
	if total <= 0 {
		return 0, fmt.Errorf("has the frequency %q, wanted one above 0", s)
	}
	return total, nil
}

var freqUnits = map[string]time.Duration{
	"D": 24 * time.Hour, "d": 24 * time.Hour,
	"h": time.Hour, "H": time.Hour,
	"min": time.Minute, "Min": time.Minute, "MIN": time.Minute, "T": time.Minute, "t": time.Minute,
	"s": time.Second, "S": time.Second,
	"ms": time.Millisecond, "L": time.Millisecond, "l": time.Millisecond,
	"us": time.Microsecond, "U": time.Microsecond, "u": time.Microsecond,
}

var (
	deltaPart  = regexp.MustCompile(`^\s*([+-]?\d+(?:\.\d+)?)\s*([A-Za-zµ]+)\s*(?:and\b)?\s*,?`)
	deltaClock = regexp.MustCompile(`^\s*(\d+):(\d{1,2})(?::(\d{1,2}(?:\.\d+)?))?\s*$`)
)

// parseTimedelta reads a length of time as pandas.Timedelta does: "1h", "1 days 06:00:00", "90 minutes".
func parseTimedelta(s string) (time.Duration, error) {
	bad := fmt.Errorf("is no length of time: %q, write one such as 1h or 15min", s)
	rest, total := strings.TrimSpace(s), time.Duration(0)
	sign := time.Duration(1)
	if strings.HasPrefix(rest, "-") {
		sign, rest = -1, rest[1:]
	}
	if rest == "" {
		return 0, bad
	}
	for rest != "" {
		if m := deltaClock.FindStringSubmatch(rest); m != nil {
			d, err := time.ParseDuration(m[1] + "h" + m[2] + "m" + orWord(m[3], "0") + "s")
			if err != nil {
				return 0, bad
			}
			return sign * (total + d), nil
		}
		m := deltaPart.FindStringSubmatch(rest)
		if m == nil {
			return 0, bad
		}
		unit, ok := deltaUnit(m[2])
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil || !ok {
			return 0, bad
		}
		d, err := scale(n, unit)
		if err != nil {
			return 0, err
		}
		total += d
		rest = strings.TrimSpace(rest[len(m[0]):])
	}
	return sign * total, nil
}

func deltaUnit(name string) (time.Duration, bool) {
	switch name {
	case "W", "w", "week", "weeks":
		return 7 * 24 * time.Hour, true
	case "D", "d", "day", "days":
		return 24 * time.Hour, true
	case "h", "H", "hr", "hrs", "hour", "hours":
		return time.Hour, true
	case "m", "min", "T", "t", "minute", "minutes":
		return time.Minute, true
	case "s", "S", "sec", "second", "seconds":
		return time.Second, true
	case "ms", "L", "milli", "millis", "millisecond", "milliseconds":
		return time.Millisecond, true
	case "us", "U", "µs", "micro", "micros", "microsecond", "microseconds":
		return time.Microsecond, true
	case "ns", "nano", "nanos", "nanosecond", "nanoseconds":
		return time.Nanosecond, true
	}
	return 0, false
}

// scale multiplies without leaving the 292 years of a Duration.
func scale(n float64, unit time.Duration) (time.Duration, error) {
	v := n * float64(unit)
	if math.Abs(v) >= math.MaxInt64 || math.IsNaN(v) {
		return 0, fmt.Errorf("is too long: %g times %v", n, unit)
	}
	if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
		return time.Duration(n) * unit, nil
	}
	return time.Duration(math.Round(v)), nil
}
