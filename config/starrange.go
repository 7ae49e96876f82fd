package config

import (
	"math"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// The functions that make dates, lengths of time and axes.

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
			*p.t = time.Time(d.(dateValue)).UTC()
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
