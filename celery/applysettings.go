package celery

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"healpipe/celery/internal/pyrepr"
	"healpipe/celery/kombu"
)

// ErrSetting is what every error of ApplySettings wraps.
var ErrSetting = errors.New("celery: setting")

// SettingError is one setting that ApplySettings refuses.
type SettingError struct {
	Key  string // the name that it was given under
	Like string // the setting that may be meant, where Celery has none of that name
	Err  error  // what is wrong with it, such as "must be True or False, not 'yes'"
}

func (e *SettingError) Error() string   { return ErrSetting.Error() + " " + e.Key + " " + e.Err.Error() }
func (e *SettingError) Unwrap() []error { return []error{ErrSetting, e.Err} }

// SettingName finds the setting that a name in a Python module stands for: a name of Celery's documentation, an old one
// (CELERYD_CONCURRENCY), or one as Django projects write it (CELERY_TASK_ACKS_LATE). works is false for a setting that is
// accepted and has no effect here, name empty for anything else, such as a program's own constant.
func SettingName(key string) (name string, works bool) {
	if key != strings.ToLower(key) {
		old := slices.ContainsFunc([]string{"CELERY_", "CELERYD_", "CELERYBEAT_", "BROKER_"}, func(p string) bool { return strings.HasPrefix(key, p) })
		if key != strings.ToUpper(key) || !old && key != "ENABLE_UTC" && key != "CONTROL_EXCHANGE" {
			return "", false
		}
	} else if _, known := knownSetting(key); !known {
		return "", false
	}
	name, s := findSetting(key)
	return name, s.set != nil
}

// ApplySettings sets what a map of Celery's settings says, by the names of Celery's documentation ("task_acks_late") or
// the old ones ("CELERY_ACKS_LATE", and "CELERY_TASK_ACKS_LATE" as Django projects write them). Values are as Python's:
// nil, bool, int, int64, float64, string, []any, map[string]any; numbers stand for seconds, as does a time.Duration.
// nil leaves the default, except for result_expires, where it means never.
//
// task_queues is a list of names or of maps (name, exchange, exchange_type, routing_key), or a map of names to such maps;
// task_routes a map of patterns to queue names or maps, or, to keep the order in which patterns are tried, a kombu.Object
// or a list of pairs and maps. In a map the longer pattern is tried first.
//
// The error names every setting that is unknown, has a value of the wrong type, or cannot be had here, each as a
// SettingError; nothing is set then.
// Settings that Celery has and that mean nothing to this worker are accepted, and named once in the worker's log.
func (c *Config) ApplySettings(settings map[string]any) error {
	next := *c
	next.idle, next.applied = slices.Clone(c.idle), cloneMap(c.applied)
	var errs []error
	from := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		v := settings[key]
		name, s := findSetting(key)
		if name == "" {
			errs = append(errs, unknownSetting(key))
			continue
		}
		if other, twice := from[name]; twice {
			errs = append(errs, &SettingError{Key: name, Err: fmt.Errorf("is given as %s and as %s", other, key)})
			continue
		}
		from[name] = key
		next.applied[name] = v
		if v == nil && !s.null {
			continue
		}
		if s.set == nil {
			next.idle = append(next.idle, name)
			continue
		}
		if err := s.set(&next, v); err != nil {
			errs = append(errs, &SettingError{Key: key, Err: err})
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	*c = next
	return nil
}

// findSetting finds a setting by its name or one of its old ones.
func findSetting(key string) (string, setting) {
	name := strings.ToLower(key)
	if s, ok := knownSetting(name); ok {
		return name, s
	}
	candidates := []string{oldSettings[name]}
	for prefix, now := range map[string][]string{"celery_": {"", "task_"}, "celeryd_": {"worker_"}, "celerybeat_": {"beat_"}} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			for _, p := range now {
				candidates = append(candidates, p+rest)
			}
		}
	}
	for _, n := range candidates {
		if s, ok := knownSetting(n); ok {
			return n, s
		}
	}
	return "", setting{}
}

func knownSetting(name string) (setting, bool) {
	if s, ok := settingTable[name]; ok {
		return s, true
	}
	return setting{}, slices.Contains(strings.Fields(idleSettings), name)
}

func unknownSetting(key string) error {
	best, least := "", min(4, 1+len(key)/4)
	names := slices.AppendSeq(strings.Fields(idleSettings), maps.Keys(settingTable))
	slices.Sort(names)
	for _, name := range names {
		if d := editDistance(strings.ToLower(key), name, least); d < least {
			best, least = name, d
		}
	}
	if best != "" {
		return &SettingError{Key: key, Like: best, Err: fmt.Errorf("is none of Celery's: is %s meant?", best)}
	}
	return &SettingError{Key: key, Err: errors.New("is none of Celery's")}
}

// editDistance counts the letters to change, at most limit.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = min(diagonal, row[j], row[j+1]) + 1
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return min(limit, row[len(b)])
}

// setting is how a setting of Celery is applied; without set it means nothing here.
type setting struct {
	set  func(c *Config, v any) error
	null bool // None is a value of its own
}

func mustBe(what string, v any) error {
	return fmt.Errorf("must be %s, not %s", what, pyrepr.Safe(v, 80))
}

func boolSetting(field func(c *Config) *bool) setting {
	return setting{set: func(c *Config, v any) error { return readBool(field(c), v) }}
}

func readBool(p *bool, v any) error {
	if b, ok := v.(bool); ok {
		*p = b
		return nil
	}
	if n, ok := toInt(v); ok && (n == 0 || n == 1) {
		*p = n == 1
		return nil
	}
	return mustBe("True or False", v)
}

// notSetting is for a field that says the contrary.
func notSetting(field func(c *Config) *bool) setting {
	return setting{set: func(c *Config, v any) error {
		var b bool
		err := readBool(&b, v)
		*field(c) = !b
		return err
	}}
}

func optionalBool(field func(c *Config) **bool) setting {
	return setting{set: func(c *Config, v any) error {
		var b bool
		err := readBool(&b, v)
		*field(c) = &b
		return err
	}}
}

func textSetting(field func(c *Config) *string) setting {
	return setting{set: func(c *Config, v any) error { return readText(field(c), v) }}
}

func readText(p *string, v any) error {
	s, ok := v.(string)
	if !ok {
		return mustBe("text", v)
	}
	*p = s
	return nil
}

func intSetting(field func(c *Config) *int, least int64) setting {
	return setting{set: func(c *Config, v any) error { return readInt(field(c), v, least) }}
}

func readInt(p *int, v any, least int64) error {
	if _, is := v.(bool); is {
		return mustBe("an integer", v)
	}
	n, ok := toInt(v)
	if !ok || n > math.MaxInt32 {
		return mustBe("an integer", v)
	}
	if n < least {
		return mustBe(fmt.Sprintf("%d or more", least), v)
	}
	*p = int(n)
	return nil
}

func secondsSetting(field func(c *Config) *time.Duration) setting {
	return setting{set: func(c *Config, v any) error { return readSeconds(field(c), v) }}
}

func readSeconds(p *time.Duration, v any) error {
	if d, ok := v.(time.Duration); ok && d >= 0 {
		*p = d
		return nil
	}
	if _, is := v.(bool); !is {
		if f, ok := toFloat(v); ok && f >= 0 && f < 1e9 {
			*p = time.Duration(f * float64(time.Second))
			return nil
		}
	}
	return mustBe("a number of seconds", v)
}

// expirySetting is a time to live, where 0 and None mean for ever.
func expirySetting(field func(c *Config) *time.Duration, null bool) setting {
	return setting{null: null, set: func(c *Config, v any) error {
		p := field(c)
		if v == nil {
			*p = -1
			return nil
		}
		err := readSeconds(p, v)
		if err == nil && *p == 0 {
			*p = -1
		}
		return err
	}}
}

func mapSetting(field func(c *Config) *map[string]any) setting {
	return setting{set: func(c *Config, v any) error {
		m, ok := asMap(v)
		if !ok {
			return mustBe("a dictionary", v)
		}
		*field(c) = m
		return nil
	}}
}

// transportSetting is a dictionary of transport options.
func transportSetting(field func(c *Config) *map[string]any) setting {
	s := mapSetting(field)
	return setting{set: func(c *Config, v any) error {
		if err := s.set(c, v); err != nil {
			return err
		}
		_, _, err := kombu.ParseTransportOptions(*field(c))
		return err
	}}
}

// tlsSetting is a dictionary of ssl_ options, or True for TLS with the system's authorities.
func tlsSetting(field func(c *Config) *map[string]any) setting {
	return setting{set: func(c *Config, v any) error {
		if on, is := v.(bool); is {
			if *field(c) = nil; on {
				*field(c) = map[string]any{"ssl_cert_reqs": "required"}
			}
			return nil
		}
		m, ok := asMap(v)
		if !ok {
			return mustBe("True, False or a dictionary", v)
		}
		*field(c) = m
		_, err := kombu.ParseTLSOptions(m)
		return err
	}}
}

func redisSetting(option string) setting {
	return setting{set: func(c *Config, v any) error {
		_, _, err := kombu.ParseTransportOptions(map[string]any{option: v})
		c.redis = cloneMap(c.redis)
		c.redis[option] = v
		return err
	}}
}

// refused is a setting that cannot be had, with the remedy.
func refused(remedy string) setting {
	return setting{set: func(*Config, any) error { return errors.New("is not available here: " + remedy) }}
}

// only accepts the values that change nothing.
func only(remedy string, values ...string) setting {
	return setting{set: func(_ *Config, v any) error {
		if s, is := v.(string); is && slices.Contains(values, s) {
			return nil
		}
		return fmt.Errorf("is not available here as %s: %s", pyrepr.Safe(v, 80), remedy)
	}}
}

func serializerSetting(field func(c *Config) *string) setting {
	return setting{set: func(c *Config, v any) error {
		if err := readText(field(c), v); err != nil {
			return err
		}
		if _, _, _, err := kombu.Serialize(nil, *field(c)); err != nil {
			return mustBe("json, yaml or msgpack", v)
		}
		return nil
	}}
}

func compressionSetting(field func(c *Config) *string) setting {
	return setting{set: func(c *Config, v any) error {
		if err := readText(field(c), v); err != nil {
			return err
		}
		return new(kombu.Message).Encode(nil, "json", *field(c))
	}}
}

// texts reads a list of text; a single one counts as a list, as for Celery's maybe_list.
func texts(v any) ([]string, error) {
	if l, ok := v.([]string); ok {
		return slices.Clone(l), nil
	}
	var out []string
	for _, e := range maybeList(v) {
		s, ok := e.(string)
		if !ok {
			return nil, mustBe("a list of text", v)
		}
		out = append(out, s)
	}
	return out, nil
}
