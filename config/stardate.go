package config

import (
	"fmt"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// dateValue is pandas.Timestamp, datetime.datetime and datetime.date in one: an instant without a zone.
type dateValue time.Time

// dayOnly is the zone of a datetime.date, which is written without a time of day.
var dayOnly = time.FixedZone("date", 0)

// day is the datetime.date of an instant.
func (v dateValue) day() dateValue {
	return dateValue(time.Time(v).UTC().Truncate(24 * time.Hour).In(dayOnly))
}

func (v dateValue) String() string {
	t := time.Time(v)
	if t.Location() == dayOnly {
		return t.Format("2006-01-02")
	}
	s := t.Format("2006-01-02 15:04:05")
	if ns := t.Nanosecond(); ns%1000 != 0 {
		s += fmt.Sprintf(".%09d", ns)
	} else if ns != 0 {
		s += fmt.Sprintf(".%06d", ns/1000)
	}
	return s
}
func (v dateValue) Type() string          { return "Timestamp" }
func (v dateValue) Freeze()               {}
func (v dateValue) Truth() starlark.Bool  { return true }
func (v dateValue) Hash() (uint32, error) { return starlark.String(v.String()).Hash() }

func (v dateValue) Cmp(other starlark.Value, _ int) (int, error) {
	return time.Time(v).Compare(time.Time(other.(dateValue))), nil
}

func (v dateValue) Binary(op syntax.Token, y starlark.Value, side starlark.Side) (starlark.Value, error) {
	switch y := y.(type) {
	case deltaValue:
		switch {
		case op == syntax.PLUS:
			return dateValue(time.Time(v).Add(time.Duration(y))), nil
		case op == syntax.MINUS && side == starlark.Left:
			return dateValue(time.Time(v).Add(-time.Duration(y))), nil
		}
	case dateValue:
		if op == syntax.MINUS {
			d := time.Time(v).Sub(time.Time(y))
			if side == starlark.Right {
				d = -d
			}
			return deltaValue(d), nil
		}
	}
	return nil, nil
}

func (v dateValue) Attr(name string) (starlark.Value, error) {
	t := time.Time(v)
	switch name {
	case "year":
		return starlark.MakeInt(t.Year()), nil
	case "month":
		return starlark.MakeInt(int(t.Month())), nil
	case "day":
		return starlark.MakeInt(t.Day()), nil
	case "hour":
		return starlark.MakeInt(t.Hour()), nil
	case "minute":
		return starlark.MakeInt(t.Minute()), nil
	case "second":
		return starlark.MakeInt(t.Second()), nil
	case "strftime":
		return fn1("strftime", func(arg starlark.Value) (starlark.Value, error) {
			s, err := strftime(v, plain(arg))
			return starlark.String(s), err
		}), nil
	case "isoformat":
		return fn(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			sep := "T"
			if err := starlark.UnpackArgs(name, args, kwargs, "sep?", &sep); err != nil {
				return nil, err
			}
			return starlark.String(strings.Replace(v.String(), " ", sep, 1)), nil
		}), nil
	case "date":
		return fn0(name, v.day()), nil
	case "normalize":
		return fn0(name, dateValue(t.Truncate(24*time.Hour))), nil
	case "dayofyear", "day_of_year":
		return starlark.MakeInt(t.YearDay()), nil
	case "weekday", "isoweekday":
		n := (int(t.Weekday()) + 6) % 7
		if name == "isoweekday" {
			n++
		}
		return fn0(name, starlark.MakeInt(n)), nil
	case "microsecond":
		return starlark.MakeInt(t.Nanosecond() / 1000), nil
	case "day_name":
		return fn0(name, starlark.String(t.Weekday().String())), nil
	case "month_name":
		return fn0(name, starlark.String(t.Month().String())), nil
	case "to_pydatetime", "to_datetime64", "tz_localize":
		return fn0(name, v), nil
	case "timestamp":
		return fn0(name, starlark.Float(float64(t.UnixMicro())/1e6)), nil
	case "replace":
		return starlark.NewBuiltin(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			y, mo, d, h, mi, s := t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second()
			if err := starlark.UnpackArgs(name, args, kwargs, "year?", &y, "month?", &mo, "day?", &d, "hour?", &h, "minute?", &mi, "second?", &s); err != nil {
				return nil, err
			}
			r, err := calendarDate(y, mo, d, h, mi, s, t.Nanosecond())
			if err == nil && t.Location() == dayOnly {
				r = r.(dateValue).day()
			}
			return r, err
		}), nil
	}
	return nil, nil
}

func (v dateValue) AttrNames() []string {
	return []string{"date", "day", "hour", "isoformat", "minute", "month", "normalize", "replace", "second", "strftime", "timestamp", "year"}
}

func calendarDate(y, mo, d, h, mi, s, ns int) (starlark.Value, error) {
	t := time.Date(y, time.Month(mo), d, h, mi, s, ns, time.UTC)
	if t.Year() != y || int(t.Month()) != mo || t.Day() != d || t.Hour() != h || t.Minute() != mi || t.Second() != s || y < 1 || y > 9999 {
		return nil, raiseClass("ValueError", "no date of the calendar: %04d-%02d-%02d %02d:%02d:%02d", y, mo, d, h, mi, s)
	}
	return dateValue(t), nil
}

// strftime knows the directives of dates and times that do not depend on a language.
func strftime(v dateValue, format string) (string, error) {
	t := time.Time(v)
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		if format[i] == '-' && i+1 < len(format) { // glibc: no zero in front
			i++
			s, err := strftime(v, "%"+format[i:i+1])
			if err != nil {
				return "", err
			}
			b.WriteString(orWord(strings.TrimLeft(s, "0"), "0"))
			continue
		}
		layout, ok := map[byte]string{'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'y': "06", 'I': "03", 'p': "PM", 'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", 'F': "2006-01-02", 'T': "15:04:05", 'j': "002"}[format[i]]
		switch {
		case ok:
			b.WriteString(t.Format(layout))
		case format[i] == '%':
			b.WriteByte('%')
		case format[i] == 'f':
			fmt.Fprintf(&b, "%06d", t.Nanosecond()/1000)
		default:
			return "", notRead("", "the directive %%%c of strftime is not known", format[i])
		}
	}
	return b.String(), nil
}

// deltaValue is pandas.Timedelta and datetime.timedelta.
type deltaValue time.Duration

func (v deltaValue) String() string {
	d := time.Duration(v)
	days := floorDiv(int64(d), int64(24*time.Hour))
	rest := d - time.Duration(days)*24*time.Hour
	return fmt.Sprintf("%d days %02d:%02d:%02d", days, int(rest.Hours()), int(rest.Minutes())%60, int(rest.Seconds())%60)
}
func (v deltaValue) Type() string          { return "Timedelta" }
func (v deltaValue) Freeze()               {}
func (v deltaValue) Truth() starlark.Bool  { return v != 0 }
func (v deltaValue) Hash() (uint32, error) { return uint32(v) ^ uint32(v>>32), nil }

func (v deltaValue) Cmp(other starlark.Value, _ int) (int, error) {
	o := other.(deltaValue)
	switch {
	case v < o:
		return -1, nil
	case v > o:
		return 1, nil
	}
	return 0, nil
}

func (v deltaValue) Binary(op syntax.Token, y starlark.Value, side starlark.Side) (starlark.Value, error) {
	if o, ok := y.(deltaValue); ok {
		a, b := v, o
		if side == starlark.Right {
			a, b = o, v
		}
		switch op {
		case syntax.PLUS:
			return a + b, nil
		case syntax.MINUS:
			return a - b, nil
		case syntax.SLASH, syntax.SLASHSLASH, syntax.PERCENT:
			if b == 0 {
				return nil, raiseClass("ZeroDivisionError", "division by a length of time of zero")
			}
			switch q := floorDiv(int64(a), int64(b)); op {
			case syntax.SLASH:
				return starlark.Float(float64(a) / float64(b)), nil
			case syntax.SLASHSLASH:
				return starlark.MakeInt64(q), nil
			default:
				return a - deltaValue(q)*b, nil
			}
		}
		return nil, nil
	}
	f, ok := starlark.AsFloat(y)
	if !ok {
		return nil, nil
	}
	switch {
	case op == syntax.STAR:
	case (op == syntax.SLASH || op == syntax.SLASHSLASH) && side == starlark.Left && f != 0:
		f = 1 / f
	default:
		return nil, nil
	}
	d, err := scale(f, time.Duration(v))
	return deltaValue(d), err
}

func (v deltaValue) Unary(op syntax.Token) (starlark.Value, error) {
	if op == syntax.MINUS {
		return -v, nil
	}
	return nil, nil
}

func (v deltaValue) Attr(name string) (starlark.Value, error) {
	d := time.Duration(v)
	days := floorDiv(int64(d), int64(24*time.Hour))
	switch name {
	case "days":
		return starlark.MakeInt64(days), nil
	case "seconds":
		return starlark.MakeInt64(int64((d - time.Duration(days)*24*time.Hour) / time.Second)), nil
	case "total_seconds":
		return fn0(name, starlark.Float(d.Seconds())), nil
	}
	return nil, nil
}

func (v deltaValue) AttrNames() []string { return []string{"days", "seconds", "total_seconds"} }

// axisValue is what pandas.date_range returns.
type axisValue TimeRange

func (v axisValue) String() string             { return TimeRange(v).String() }
func (v axisValue) Type() string               { return "DatetimeIndex" }
func (v axisValue) Freeze()                    {}
func (v axisValue) Truth() starlark.Bool       { return v.N > 0 }
func (v axisValue) Hash() (uint32, error)      { return 0, fmt.Errorf("DatetimeIndex has no hash") }
func (v axisValue) Len() int                   { return v.N }
func (v axisValue) Index(i int) starlark.Value { return dateValue(TimeRange(v).At(i)) }

func (v axisValue) Slice(start, end, step int) starlark.Value {
	if step < 1 {
		return starlark.None // no axis runs backwards
	}
	n := max(0, (end-start+step-1)/step)
	return axisValue{Start: TimeRange(v).At(start), N: n, Step: v.Step * time.Duration(step)}
}

func (v axisValue) Attr(name string) (starlark.Value, error) {
	switch name {
	case "size":
		return starlark.MakeInt(v.N), nil
	case "shape":
		return starlark.Tuple{starlark.MakeInt(v.N)}, nil
	case "min", "max":
		if v.N == 0 {
			return nil, raiseClass("ValueError", "the time axis is empty")
		}
		i := 0
		if name == "max" {
			i = v.N - 1
		}
		return fn0(name, v.Index(i)), nil
	case "freq":
		return deltaValue(v.Step), nil
	}
	return nil, nil
}

func (v axisValue) AttrNames() []string { return []string{"freq", "max", "min", "size"} }

// now is datetime.now() and the like: this machine's clock, as a date without a zone.
func now(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args)+len(kwargs) > 0 || b.Name() == "utcnow" {
		return dateValue(time.Now().UTC()), nil // of zones only UTC is known
	}
	t := time.Now()
	_, offset := t.Zone()
	return dateValue(t.UTC().Add(time.Duration(offset) * time.Second)), nil
}
