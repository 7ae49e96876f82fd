package config

import (
	"fmt"
	"math"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// dateValue is pandas.Timestamp, datetime.datetime and datetime.date in one: an instant without a zone.
type dateValue time.Time

func (v dateValue) String() string {
	t := time.Time(v)
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
		return fn0("isoformat", starlark.String(strings.Replace(v.String(), " ", "T", 1))), nil
	case "date", "normalize":
		return fn0(name, dateValue(t.Truncate(24*time.Hour))), nil
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
			return calendarDate(y, mo, d, h, mi, s, t.Nanosecond())
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

// timestamp is pandas.Timestamp(...): a text, a date, parts, or nanoseconds since 1970.
func timestamp(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 1 {
		if n, ok := args[0].(starlark.Int); ok && len(kwargs) == 0 {
			ns, _ := n.Int64()
			return dateValue(time.Unix(0, ns).UTC()), nil
		}
		if _, number := args[0].(starlark.Int); !number {
			var unit, tz starlark.Value
			var v starlark.Value
			if err := starlark.UnpackArgs(b.Name(), args, kwargs, "ts_input", &v, "unit?", &unit, "tz?", &tz); err != nil {
				return nil, err
			}
			if tz != nil && tz != starlark.None && !strings.EqualFold(plain(tz), "UTC") {
				return nil, notRead("leave tz out", "time zones are not read")
			}
			return toDate(v)
		}
	}
	return datetimeParts(b, args, kwargs)
}

// datetimeParts is datetime.datetime(year, month, day, ...).
func datetimeParts(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var y, mo, d, h, mi, s, us, ns int
	var tz starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "year", &y, "month", &mo, "day", &d, "hour?", &h, "minute?", &mi, "second?", &s, "microsecond?", &us, "tzinfo?", &tz, "nanosecond?", &ns); err != nil {
		return nil, err
	}
	if us < 0 || us > 999999 || ns < 0 || ns > 999 {
		return nil, raiseClass("ValueError", "microseconds and nanoseconds end at 999999 and 999")
	}
	return calendarDate(y, mo, d, h, mi, s, us*1000+ns)
}

func toDate(v starlark.Value) (starlark.Value, error) {
	switch v := v.(type) {
	case dateValue:
		return v, nil
	case starlark.String:
		t, err := ParseTimestamp(string(v))
		if err != nil {
			return nil, raiseClass("ValueError", "the date %s", err)
		}
		return dateValue(t), nil
	case starlark.Int: // a year alone is nanoseconds since 1970 for pandas, which nobody means
		return nil, raiseClass("ValueError", "the date is the number %s, write it as a text", v)
	}
	return nil, raiseClass("TypeError", "a date is wanted, not a value of the kind %s", v.Type())
}

// timedelta is pandas.Timedelta(...) and datetime.timedelta(...).
func timedelta(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	total := time.Duration(0)
	if b.Name() == "Timedelta" && len(args) > 0 {
		var v starlark.Value
		unit := "ns"
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "value", &v, "unit?", &unit); err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case deltaValue:
			return v, nil
		case starlark.String:
			d, err := parseTimedelta(string(v))
			if err != nil {
				return nil, raiseClass("ValueError", "the value %s", err)
			}
			return deltaValue(d), nil
		}
		f, ok := starlark.AsFloat(v)
		u, known := deltaUnit(unit)
		if !ok || !known {
			return nil, raiseClass("ValueError", "no length of time: %s %s", plain(v), unit)
		}
		d, err := scale(f, u)
		return deltaValue(d), err
	}
	positional := []string{"days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks"}
	for i, a := range args {
		if i >= len(positional) {
			return nil, raiseClass("TypeError", "timedelta takes at most %d arguments", len(positional))
		}
		kwargs = append(kwargs, starlark.Tuple{starlark.String(positional[i]), a})
	}
	for _, kw := range kwargs {
		name := plain(kw[0])
		f, ok := starlark.AsFloat(kw[1])
		u, known := deltaUnit(name)
		if !ok || !known || !strings.HasSuffix(name, "s") {
			return nil, raiseClass("TypeError", "timedelta does not take %s = %s", name, plain(kw[1]))
		}
		d, err := scale(f, u)
		if err != nil {
			return nil, err
		}
		total += d
	}
	return deltaValue(total), nil
}

// dateRange is pandas.date_range(start, end, periods, freq).
func dateRange(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var start, end, periods, freq, tz, normalize, name, inclusive, unit starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "start?", &start, "end?", &end, "periods?", &periods, "freq?", &freq, "tz?", &tz, "normalize?", &normalize, "name?", &name, "inclusive?", &inclusive, "unit?", &unit); err != nil {
		return nil, err
	}
	if given(tz) && !strings.EqualFold(plain(tz), "UTC") {
		return nil, notRead("leave tz out", "time zones are not read")
	}
	if given(normalize) && bool(normalize.Truth()) {
		return nil, notRead("write start and end as dates", "normalize is not read")
	}
	var from, to time.Time
	for _, p := range []struct {
		v starlark.Value
		t *time.Time
	}{{start, &from}, {end, &to}} {
		if given(p.v) {
			d, err := toDate(p.v)
			if err != nil {
				return nil, err
			}
			*p.t = time.Time(d.(dateValue))
		}
	}
	n := -1
	if given(periods) {
		f, ok := starlark.AsFloat(periods)
		if !ok || f != math.Trunc(f) || f < 0 || f > maxAxis {
			return nil, raiseClass("TypeError", "periods must be a whole number, not %s", plain(periods))
		}
		n = int(f)
	}
	r, err := axis(from, to, given(start), given(end), n, freq)
	if err != nil {
		return nil, err
	}
	if given(inclusive) {
		if r, err = cutEnds(r, plain(inclusive), from, given(start), to, given(end)); err != nil {
			return nil, err
		}
	}
	return axisValue(r), nil
}

// axis makes the axis from the three of start, end, periods and freq that are given; freq is a day unless
// the other three are there.
func axis(from, to time.Time, hasStart, hasEnd bool, n int, freq starlark.Value) (TimeRange, error) {
	count := 0
	for _, has := range []bool{hasStart, hasEnd, n >= 0} {
		if has {
			count++
		}
	}
	if count == 3 && !given(freq) {
		if n < 2 {
			return TimeRange{Start: from, N: n, Step: time.Hour}, nil
		}
		us := to.UnixMicro() - from.UnixMicro()
		if us%int64(n-1) != 0 {
			return TimeRange{}, notRead("give freq in place of periods", "the steps between start and end are no whole microseconds")
		}
		return TimeRange{Start: from, N: n, Step: time.Duration(us/int64(n-1)) * time.Microsecond}, nil
	}
	step := 24 * time.Hour
	if given(freq) {
		var err error
		if step, err = toStep(freq); err != nil {
			return TimeRange{}, err
		}
	}
	switch {
	case count != 2:
		return TimeRange{}, raiseClass("ValueError", "exactly three of start, end, periods and freq are wanted")
	case hasStart && hasEnd:
		r, err := span(from, to, step)
		if err != nil {
			return r, raiseClass("ValueError", "the axis %s", err)
		}
		return r, nil
	case hasStart:
		return TimeRange{Start: from, N: n, Step: step}, nil
	}
	back := TimeRange{Start: to, N: n, Step: step}
	return TimeRange{Start: back.At(-max(n-1, 0)), N: n, Step: step}, nil
}

// cutEnds is pandas' inclusive: an end is left out only where the axis has it.
func cutEnds(r TimeRange, inclusive string, from time.Time, hasStart bool, to time.Time, hasEnd bool) (TimeRange, error) {
	left, right := inclusive == "both" || inclusive == "left", inclusive == "both" || inclusive == "right"
	if !left && !right && inclusive != "neither" {
		return r, raiseClass("ValueError", "inclusive must be both, left, right or neither")
	}
	if !right && r.N > 0 && hasEnd && r.End().Equal(to) {
		r.N--
	}
	if !left && r.N > 0 && hasStart && r.Start.Equal(from) {
		r.Start, r.N = r.At(1), r.N-1
	}
	return r, nil
}

func toStep(freq starlark.Value) (time.Duration, error) {
	switch f := freq.(type) {
	case deltaValue:
		if f <= 0 {
			return 0, raiseClass("ValueError", "freq must be above 0")
		}
		return time.Duration(f), nil
	case starlark.String:
		d, err := ParseFreq(string(f))
		if err != nil {
			return 0, notRead(`write freq as "1h", "15min" or "1D"`, "the axis %s", err)
		}
		return d, nil
	}
	return 0, raiseClass("TypeError", "freq must be a text such as \"1h\", not a value of the kind %s", freq.Type())
}

func given(v starlark.Value) bool { return v != nil && v != starlark.None }

func binaryMod(x, y starlark.Value) (starlark.Value, error) {
	return starlark.Binary(syntax.PERCENT, x, y)
}

// fn0 is a method without arguments that returns v.
func fn0(name string, v starlark.Value) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		return v, nil
	})
}

// fn1 is a method with one argument.
func fn1(name string, f func(starlark.Value) (starlark.Value, error)) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var v starlark.Value
		if err := starlark.UnpackPositionalArgs(name, args, kwargs, 1, &v); err != nil {
			return nil, err
		}
		return f(v)
	})
}
