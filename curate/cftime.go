package curate

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ErrTime says that a time coordinate cannot be read or placed on the store's axis.
var ErrTime = errors.New("bad time coordinate")

// units are those of a CF time coordinate: "UNIT since EPOCH" (CF 1.12, section 4.4).
type units struct {
	step  time.Duration
	epoch time.Time
}

// unitSteps has the spellings of UDUNITS-2 that real files use. Months and years have no fixed length.
var unitSteps = map[string]time.Duration{
	"day": 24 * time.Hour, "d": 24 * time.Hour,
	"hour": time.Hour, "hr": time.Hour, "h": time.Hour,
	"minute": time.Minute, "min": time.Minute,
	"second": time.Second, "sec": time.Second, "s": time.Second,
	"millisecond": time.Millisecond, "msec": time.Millisecond, "ms": time.Millisecond,
	"microsecond": time.Microsecond, "microsec": time.Microsecond, "us": time.Microsecond,
}

// The groups are year, month, day, hour, minute, second, fraction, zone.
var epochPattern = regexp.MustCompile(`^([+-]?\d{1,6})-(\d{1,2})-(\d{1,2})(?:[T ]+(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(\.\d*)?)?)?)?\s*(Z|UTC|GMT|[+-]\d{1,2}:?(?:\d{2})?)?$`)

// parseUnits reads a coordinate's attributes units and calendar ("" is standard).
func parseUnits(text, calendar string) (u units, err error) {
	unit, epoch, ok := strings.Cut(strings.TrimSpace(text), " since ")
	if !ok {
		return u, fmt.Errorf("%w: units %q, not \"hours since DATE\" or the like", ErrTime, text)
	}
	unit = strings.ToLower(strings.TrimSpace(unit))
	if u.step, ok = unitSteps[unit]; !ok {
		u.step, ok = unitSteps[strings.TrimSuffix(unit, "s")]
	}
	if !ok {
		return u, fmt.Errorf("%w: units %q: only days, hours, minutes and seconds have a fixed length", ErrTime, text)
	}
	julian := false // how to read an epoch before 1582-10-15
	switch strings.ToLower(calendar) {
	case "", "standard", "gregorian":
		julian = true
	case "proleptic_gregorian":
	default:
		return u, fmt.Errorf("%w: calendar %q, whose dates are not those of the store's (standard, gregorian, proleptic_gregorian)", ErrTime, calendar)
	}
	if u.epoch, err = parseEpoch(strings.TrimSpace(epoch), julian); err != nil {
		return u, fmt.Errorf("%w: units %q: %w", ErrTime, text, err)
	}
	return u, nil
}

func parseEpoch(text string, julian bool) (time.Time, error) {
	m := epochPattern.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, fmt.Errorf("no date in %q", text)
	}
	var n [6]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1]) // digits only; "" is 0
	}
	frac, _ := strconv.ParseFloat("0"+m[7], 64)
	day := time.Date(n[0], time.Month(n[1]), n[2], 0, 0, 0, 0, time.UTC)
	if n[1] < 1 || n[1] > 12 || n[2] < 1 || n[3] > 24 || n[4] > 59 || n[5] > 60 {
		return time.Time{}, fmt.Errorf("no such date: %q", text)
	}
	if switched := time.Date(1582, 10, 15, 0, 0, 0, 0, time.UTC); julian && day.Before(switched) {
		// The standard calendar is the Julian one before that day, and lacks the ten days before it.
		if !day.Before(time.Date(1582, 10, 5, 0, 0, 0, 0, time.UTC)) {
			return time.Time{}, fmt.Errorf("no such date in the standard calendar: %q", text)
		}
		day = fromJulian(n[0], n[1], n[2])
	} else if day.Day() != n[2] {
		return time.Time{}, fmt.Errorf("no such date: %q", text)
	}
	zone, err := parseZone(m[8])
	if err != nil {
		return time.Time{}, err
	}
	clock := time.Duration(n[3])*time.Hour + time.Duration(n[4])*time.Minute + time.Duration(n[5])*time.Second
	return day.Add(clock + time.Duration(math.Round(frac*1e9)) - zone), nil
}

// fromJulian turns a date of the Julian calendar into the instant of its beginning. The day number is that
// of Meeus, Astronomical Algorithms, chapter 7.
func fromJulian(year, month, day int) time.Time {
	if month <= 2 {
		year, month = year-1, month+12
	}
	number := math.Floor(365.25*float64(year+4716)) + math.Floor(30.6001*float64(month+1)) + float64(day) - 1524.5
	const unixEpoch = 2440587.5 // 1970-01-01
	return time.Unix(int64((number-unixEpoch)*86400), 0).UTC()
}

// parseZone reads "", Z, UTC, GMT, +h, +hh, +hhmm, +hh:mm.
func parseZone(s string) (time.Duration, error) {
	if s == "" || s == "Z" || s == "UTC" || s == "GMT" {
		return 0, nil
	}
	sign := time.Duration(1)
	if s[0] == '-' {
		sign = -1
	}
	digits := strings.ReplaceAll(s[1:], ":", "")
	hours, minutes := digits, "0"
	if len(digits) > 2 {
		hours, minutes = digits[:len(digits)-2], digits[len(digits)-2:]
	}
	h, err1 := strconv.Atoi(hours)
	m, err2 := strconv.Atoi(minutes)
	if err1 != nil || err2 != nil || h > 15 || m > 59 {
		return 0, fmt.Errorf("no time zone: %q", s)
	}
	return sign * (time.Duration(h)*time.Hour + time.Duration(m)*time.Minute), nil
}

// seconds returns a value's distance from the epoch in whole seconds and nanoseconds. Values are float64,
// which is exact for all hours, minutes and seconds of millennia; the result is rounded to a millisecond,
// since a fraction of a day (an hour, say) is not exact. A NaN or an absurd value is not ok.
func (u units) seconds(value float64) (sec, nsec int64, ok bool) {
	if u.step >= time.Second {
		whole, frac := math.Modf(value)
		unit := float64(u.step / time.Second)
		frac = math.Round(frac*unit*1000) / 1000
		more, rest := math.Modf(frac)
		total := whole*unit + more
		ok = math.Abs(total) < 1e15
		return int64(total), int64(math.Round(rest * 1e9)), ok
	}
	perSecond := float64(time.Second / u.step)
	whole := math.Floor(value / perSecond)
	rest := math.Round((value - whole*perSecond) * float64(u.step) / 1e6)
	return int64(whole), int64(rest) * 1e6, math.Abs(whole) < 1e15
}

// decode returns the instant of a value.
func (u units) decode(value float64) (time.Time, error) {
	sec, nsec, ok := u.seconds(value)
	if !ok {
		return time.Time{}, fmt.Errorf("%w: value %v", ErrTime, value)
	}
	return time.Unix(u.epoch.Unix()+sec, int64(u.epoch.Nanosecond())+nsec).UTC(), nil
}

// encode returns the value of an instant, which must be a whole number.
func (u units) encode(t time.Time) (int64, error) {
	sec := t.Unix() - u.epoch.Unix()
	nsec := int64(t.Nanosecond() - u.epoch.Nanosecond())
	if u.step >= time.Second {
		unit := int64(u.step / time.Second)
		if sec%unit != 0 || nsec != 0 {
			return 0, fmt.Errorf("%s is between two values", showTime(t))
		}
		return sec / unit, nil
	}
	unit := int64(u.step)
	if nsec%unit != 0 {
		return 0, fmt.Errorf("%s is between two values", showTime(t))
	}
	return sec*(int64(time.Second)/unit) + nsec/unit, nil
}

// Index returns the step of an instant on the axis.
func (a Axis) Index(t time.Time) (int, error) {
	if t.Before(a.Start) || t.After(a.End()) {
		return 0, fmt.Errorf("%w: %s is not within the store's time axis, %s to %s", ErrTime, showTime(t), showTime(a.Start), showTime(a.End()))
	}
	// A guess from seconds, which do not overflow, then a look at the neighbours.
	i := int(float64(t.Unix()-a.Start.Unix()) / a.Step.Seconds())
	for j := max(i-1, 0); j <= min(i+1, a.N-1); j++ {
		if a.At(j).Equal(t) {
			return j, nil
		}
	}
	return 0, fmt.Errorf("%w: %s is between two steps of the store's time axis (every %v from %s)", ErrTime, showTime(t), a.Step, showTime(a.Start))
}
