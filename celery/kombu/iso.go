package kombu

import (
	"strings"
	"time"
)

// parseISO reads a date and time as datetime.fromisoformat does: YYYY-MM-DD or YYYYMMDD, then optionally any
// one character and the time of day.
func parseISO(s string) (DateTime, bool) {
	var y, m, d int
	var rest string
	switch {
	case len(s) >= 10 && s[4] == '-' && s[7] == '-':
		y, m, d, rest = digits(s[:4]), digits(s[5:7]), digits(s[8:10]), s[10:]
	case len(s) >= 8:
		y, m, d, rest = digits(s[:4]), digits(s[4:6]), digits(s[6:8]), s[8:]
	default:
		return DateTime{}, false
	}
	if y < 1 || m < 1 || m > 12 || d < 1 {
		return DateTime{}, false
	}
	day := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if day.Day() != d {
		return DateTime{}, false
	}
	if rest == "" {
		return DateTime{day, true}, true
	}
	clock, zone, ok := parseClock(rest[1:])
	if !ok {
		return DateTime{}, false
	}
	if zone == nil {
		return DateTime{day.Add(clock), true}, true
	}
	return DateTime{time.Date(y, time.Month(m), d, 0, 0, 0, 0, zone).Add(clock), false}, true
}

// parseClock reads HH[:MM[:SS[.ffffff]]] with an optional offset. zone is nil without one.
func parseClock(s string) (clock time.Duration, zone *time.Location, ok bool) {
	offset := ""
	if i := strings.IndexAny(s, "+-Zz"); i >= 0 {
		s, offset = s[:i], s[i:]
	}
	clock, ok = parseHMS(s)
	if !ok || clock >= 24*time.Hour {
		return 0, nil, false
	}
	switch offset {
	case "":
		return clock, nil, true
	case "Z", "z":
		return clock, time.UTC, true
	}
	east, ok := parseHMS(offset[1:])
	if !ok || east >= 24*time.Hour {
		return 0, nil, false
	}
	if offset[0] == '-' {
		east = -east
	}
	if east == 0 {
		return clock, time.UTC, true
	}
	return clock, time.FixedZone("", int(east/time.Second)), true
}

func parseHMS(s string) (time.Duration, bool) {
	s, fraction, hasFraction := strings.Cut(strings.Replace(s, ",", ".", 1), ".")
	s = strings.ReplaceAll(s, ":", "")
	if len(s) != 2 && len(s) != 4 && len(s) != 6 || hasFraction && (len(s) != 6 || fraction == "") {
		return 0, false
	}
	h, m, sec := digits(s[:2]), 0, 0
	if len(s) > 2 {
		m = digits(s[2:4])
	}
	if len(s) > 4 {
		sec = digits(s[4:6])
	}
	if h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 59 {
		return 0, false
	}
	micro := 0
	if hasFraction {
		fraction = (fraction + "000000")[:max(6, len(fraction))]
		if digits(fraction) < 0 && len(fraction) < 18 {
			return 0, false
		}
		if micro = digits(fraction[:6]); micro < 0 {
			return 0, false
		}
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(sec)*time.Second +
		time.Duration(micro)*time.Microsecond, true
}

// digits reads a number of ASCII digits, -1 if there are others.
func digits(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// formatISO prints a date and time as datetime.isoformat does.
func (t DateTime) formatISO() string {
	layout := "2006-01-02T15:04:05"
	if t.Nanosecond() >= 1000 {
		layout += ".000000"
	}
	s := t.Time.Format(layout)
	if t.Naive {
		return s
	}
	_, off := t.Zone()
	s += t.Time.Format("-07:00")
	if off%60 != 0 {
		s += t.Time.Format("-07:00:00")[6:]
	}
	return s
}

// isDecimal reports whether Python's Decimal takes a text.
func isDecimal(s string) bool {
	t := strings.ToLower(strings.TrimLeft(s, "+-"))
	if len(s)-len(t) > 1 {
		return false
	}
	switch t {
	case "inf", "infinity", "nan", "snan":
		return true
	}
	for _, p := range []string{"nan", "snan"} {
		if rest, ok := strings.CutPrefix(t, p); ok {
			return allDigits(rest)
		}
	}
	t, exp, hasExp := strings.Cut(t, "e")
	if hasExp {
		if exp != "" && (exp[0] == '+' || exp[0] == '-') {
			exp = exp[1:]
		}
		if exp == "" || !allDigits(exp) {
			return false
		}
	}
	whole, fraction, _ := strings.Cut(t, ".")
	return whole+fraction != "" && allDigits(whole) && allDigits(fraction)
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
