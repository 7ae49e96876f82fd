package config

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Setting describes one setting: for flags, for `healpipe doctor`, for messages.
type Setting struct {
	Name    string   // in config.py
	Aliases []string // other names in config.py; of several that are assigned the first one counts
	Flag    string   // without the dashes
	Env     []string // variables, the first one that is set counts
	Doc     string   // one line
	Default string   // as text, "" for none
	Example string   // a line for config.py
	Secret  bool     // may hold a password

	parse func(text string) (any, error) // of a flag or variable
	store func(c *Config, v any) error   // checks kind and range
	show  func(c *Config) string
}

// maxAxis bounds the axis: it keeps the positions on it within int32, far above the usual 1.4 million.
const maxAxis = 1 << 30

// MaxOutputLevel is the finest HEALPix level of a store, nside 2^13: 805 million cells.
const MaxOutputLevel = 13

// Settings returns the table of all settings, in the order of the documentation.
func Settings() []Setting {
	all := []Setting{
		intSetting("TIME_CHUNK", "hours in a chunk of the store", "24", 1, maxAxis, func(c *Config) *int { return &c.TimeChunk }),
		{
			Name: "TIME_RANGE", Doc: "the store's time axis: START/END/STEP", Default: "1940-01-01/2100-01-01/1h",
			Example: `TIME_RANGE = pd.date_range("1940", "2100", freq="1h")`,
			parse:   func(s string) (any, error) { return parseTimeRange(s) },
			store:   storeTimeRange,
			show:    func(c *Config) string { return fmt.Sprintf("%s (%d steps)", c.TimeRange, c.TimeRange.N) },
		},
		{
			Name: "START_TIME", Doc: "epoch of the array time", Default: "1900-01-01", Example: `START_TIME = pd.Timestamp("1900-01-01")`,
			parse: func(s string) (any, error) { return s, nil },
			store: storeStartTime,
			show:  func(c *Config) string { return formatInstant(c.StartTime) },
		},
		textSetting("TIME_UNITS", "CF units of the array time", "minutes since 1900-1-1 0:0:0", func(c *Config) *string { return &c.TimeUnits }),
		intSetting("LEVELS", "number of pressure levels", "37", 1, 1<<16, func(c *Config) *int { return &c.Levels }),
		intSetting("OUTPUT_LEVEL", "HEALPix level, nside = 2^level", "6", 0, MaxOutputLevel, func(c *Config) *int { return &c.OutputLevel }),
		{
			Name: "ERA5_ROOTS", Doc: "input folders or bucket prefixes, separated by commas", Example: `ERA5_ROOTS = ["ERA5_sfc", "ERA5_pl", "ERA5_1h_acc_precip"]`,
			parse: parseList,
			store: storeRoots,
			show:  func(c *Config) string { return strings.Join(c.ERA5Roots, ",") },
		},
		textSetting("ERA5_PROFILE", "rclone profile that reaches ERA5_ROOTS, empty for local folders", "", func(c *Config) *string { return &c.ERA5Profile }),
		withAliases(pathSetting("OUTPUT_BUCKET", "where regridded files go", "path/to/ERA5_HPX6", func(c *Config) *string { return &c.OutputBucket }), "OUTPUT_ROOT"),
		textSetting("OUTPUT_PROFILE", "rclone profile that lists OUTPUT_BUCKET", "", func(c *Config) *string { return &c.OutputProfile }),
		pathSetting("ZARR_PATH", "the store", "path/to/output.zarr", func(c *Config) *string { return &c.ZarrPath }),
		textSetting("ZARR_PROFILE", "rclone profile of the store and for writing regridded files", "", func(c *Config) *string { return &c.ZarrProfile }),
		pathSetting("STATISTICS_PATH", "where curating leaves statistics of each file, empty for none", "path/to/output.statistics", func(c *Config) *string { return &c.StatisticsPath }),
		withAliases(urlSetting("CELERY_BROKER", "CELERY_BROKER_URL", "URL of the broker", "redis://HOST:6379/0", func(c *Config) *string { return &c.CeleryBroker }),
			"broker_url", "BROKER_URL", "CELERY_BROKER_URL"),
		withAliases(urlSetting("RESULT_BACKEND", "CELERY_RESULT_BACKEND", "URL of the result backend, empty for none", "redis://HOST:6379/1", func(c *Config) *string { return &c.ResultBackend }),
			"result_backend", "CELERY_RESULT_BACKEND"),
	}
	for i := range all {
		fill(&all[i])
	}
	return all
}

// Show is the value of a setting as text, passwords as stars, "" if it was not set.
func (c *Config) Show(name string) string {
	s := lookup(name)
	if s == nil || !s.isSet(c) && s.Default == "" {
		return ""
	}
	if s.Secret {
		return MaskURL(s.show(c))
	}
	return s.show(c)
}

func (s *Setting) isSet(c *Config) bool { return s.show(c) != "" }

// otherwise is the end of a mend: the other places that can give the setting.
func (s *Setting) otherwise() string {
	return "or set --" + s.Flag + " or " + s.Env[len(s.Env)-1]
}

func lookup(name string) *Setting {
	for _, s := range Settings() {
		if s.Name == name || slices.Contains(s.Aliases, name) {
			return &s
		}
	}
	return nil
}

// fill gives a setting the names that follow from its own.
func fill(s *Setting) *Setting {
	if s.Flag == "" {
		s.Flag = strings.ToLower(strings.ReplaceAll(s.Name, "_", "-"))
	}
	own := "HEALPIPE_" + s.Name
	if !slices.Contains(s.Env, own) {
		s.Env = append([]string{own}, s.Env...)
	}
	return s
}

func intSetting(name, doc, def string, lo, hi int, field func(*Config) *int) Setting {
	return Setting{
		Name: name, Doc: doc, Default: def, Example: name + " = " + def,
		parse: func(s string) (any, error) {
			n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("wants a whole number, not %q", s)
			}
			return n, nil
		},
		store: func(c *Config, v any) error {
			n, ok := wholeNumber(v)
			switch {
			case !ok:
				return fmt.Errorf("wants a whole number, not %s", describe(v))
			case n < int64(lo):
				return fmt.Errorf("must be at least %d, not %d", lo, n)
			case n > int64(hi):
				return fmt.Errorf("must be at most %d, not %d", hi, n)
			}
			*field(c) = int(n)
			return nil
		},
		show: func(c *Config) string { return strconv.Itoa(*field(c)) },
	}
}

func textSetting(name, doc, def string, field func(*Config) *string) Setting {
	return Setting{
		Name: name, Doc: doc, Default: def, Example: name + " = " + strconv.Quote(def),
		parse: func(s string) (any, error) { return s, nil },
		store: func(c *Config, v any) error {
			s, ok := v.(string)
			if v == nil {
				s, ok = "", true // None is how some files say "no profile"
			}
			if !ok {
				return fmt.Errorf("wants a text, not %s", describe(v))
			}
			*field(c) = s
			return nil
		},
		show: func(c *Config) string { return *field(c) },
	}
}

// pathSetting is a text that can be a path.
func pathSetting(name, doc, example string, field func(*Config) *string) Setting {
	s := textSetting(name, doc, "", field)
	s.Example = name + " = " + strconv.Quote(example)
	plain := s.store
	s.store = func(c *Config, v any) error {
		if err := plain(c, v); err != nil {
			return err
		}
		if strings.ContainsRune(*field(c), 0) {
			return fmt.Errorf("has a NUL character")
		}
		return nil
	}
	return s
}

func withAliases(s Setting, names ...string) Setting {
	s.Aliases = names
	return s
}

func urlSetting(name, env, doc, example string, field func(*Config) *string) Setting {
	s := textSetting(name, doc, "", field)
	s.Example = name + " = " + strconv.Quote(example)
	s.Env = []string{"HEALPIPE_" + name, env}
	s.Secret = true
	if name == "CELERY_BROKER" {
		s.Flag = "broker" // Celery's own
	}
	plain := s.store
	s.store = func(c *Config, v any) error {
		if list, ok := v.([]any); ok { // several brokers
			v = joinTexts(list, ";")
		}
		if err := plain(c, v); err != nil {
			return err
		}
		return checkURL(*field(c))
	}
	return s
}

// joinTexts joins a list of texts; any other list stays as it is.
func joinTexts(list []any, sep string) any {
	var texts []string
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			return list
		}
		texts = append(texts, s)
	}
	return strings.Join(texts, sep)
}

// checkURL finds what no broker library would accept; what the scheme allows further is celery's affair.
func checkURL(s string) error {
	if s == "" {
		return nil
	}
	for _, one := range strings.Split(s, ";") {
		scheme, _, found := strings.Cut(strings.TrimSpace(one), "://")
		if !found || scheme == "" || strings.ContainsAny(scheme, "@/") {
			return fmt.Errorf("is no URL: it has no scheme such as redis:// in front")
		}
	}
	return nil
}

func wholeNumber(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case float64:
		if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			return int64(n), true
		}
	}
	return 0, false
}

// parseList takes texts between commas, or a JSON list, which may have commas in its texts.
func parseList(s string) (any, error) {
	if strings.HasPrefix(strings.TrimSpace(s), "[") {
		var texts []string
		if err := json.Unmarshal([]byte(s), &texts); err != nil {
			return nil, fmt.Errorf("is no JSON list of texts: %w", err)
		}
		list := make([]any, len(texts))
		for i, t := range texts {
			list[i] = t
		}
		return list, nil
	}
	var list []any
	for _, part := range strings.Split(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list, nil
}

func storeRoots(c *Config, v any) error {
	if s, ok := v.(string); ok {
		v = []any{s}
	}
	list, ok := v.([]any)
	if !ok {
		return fmt.Errorf("wants a list of texts, not %s", describe(v))
	}
	var roots []string
	for i, e := range list {
		s, ok := e.(string)
		if !ok || s == "" {
			return fmt.Errorf("wants a list of texts, but element %d is %s", i, describe(e))
		}
		roots = append(roots, s)
	}
	c.ERA5Roots = roots
	return nil
}

func storeTimeRange(c *Config, v any) error {
	r, ok := v.(TimeRange)
	switch {
	case !ok:
		return fmt.Errorf("wants a time axis, not %s", describe(v))
	case r.N < 1:
		return fmt.Errorf("has no step: its end lies before its start")
	case r.N > maxAxis:
		return fmt.Errorf("has %d steps, more than %d", r.N, maxAxis)
	case r.Step <= 0 || r.Step%time.Microsecond != 0:
		return fmt.Errorf("has steps of %v, wanted whole microseconds above 0", r.Step)
	}
	c.TimeRange = r
	return nil
}

func storeStartTime(c *Config, v any) error {
	if s, ok := v.(string); ok {
		t, err := ParseTimestamp(s)
		if err != nil {
			return err
		}
		v = t
	}
	t, ok := v.(time.Time)
	if !ok {
		return fmt.Errorf("wants a date, not %s", describe(v))
	}
	c.StartTime = t
	return nil
}

// parseTimeRange reads START/END/STEP, as TimeRange.String writes it; commas will do as well.
func parseTimeRange(s string) (TimeRange, error) {
	sep := "/"
	if strings.Contains(s, ",") {
		sep = ","
	}
	parts := strings.Split(s, sep)
	if len(parts) != 3 {
		return TimeRange{}, fmt.Errorf("wants START/END/STEP such as 1940/2100/1h, not %q", s)
	}
	start, err := ParseTimestamp(strings.TrimSpace(parts[0]))
	if err != nil {
		return TimeRange{}, err
	}
	end, err := ParseTimestamp(strings.TrimSpace(parts[1]))
	if err != nil {
		return TimeRange{}, err
	}
	step, err := ParseFreq(strings.TrimSpace(parts[2]))
	if err != nil {
		return TimeRange{}, err
	}
	return span(start, end, step)
}

// span is the axis from start in steps up to end, which is included when a step meets it.
func span(start, end time.Time, step time.Duration) (TimeRange, error) {
	us := step.Microseconds()
	if us <= 0 {
		return TimeRange{}, fmt.Errorf("has steps of %v, wanted more than 0", step)
	}
	n := floorDiv(end.UnixMicro()-start.UnixMicro(), us) + 1
	if n > maxAxis {
		return TimeRange{}, fmt.Errorf("has %d steps, more than %d", n, maxAxis)
	}
	return TimeRange{Start: start, N: int(max(0, n)), Step: step}, nil
}

// describe names a value of config.py in messages.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case string:
		return strconv.Quote(v)
	case []any:
		return "a list"
	case time.Time:
		return "a date"
	case TimeRange:
		return "a time axis"
	case fmt.Stringer:
		return v.String()
	}
	return fmt.Sprint(v)
}
