package celery

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"healpipe/celery/internal/pyrepr"
	"healpipe/celery/kombu"
)

func readAccept(c *Config, v any) error {
	names, err := texts(v)
	if err != nil {
		return err
	}
	if _, err := kombu.ParseAccept(names); err != nil {
		return err
	}
	kept := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "pickle" || n == kombu.ContentPickle })
	if len(kept) == 0 {
		return errors.New("leaves nothing that is taken: pickle is always refused; json, yaml or msgpack")
	}
	if len(kept) < len(names) {
		c.idle = append(c.idle, "accept_content: pickle")
	}
	c.AcceptContent = kept
	return nil
}

func readTimezone(c *Config, v any) error {
	var name string
	if err := readText(&name, v); err != nil {
		return err
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return mustBe("the name of a time zone", v)
	}
	c.Timezone = loc
	return nil
}

// readBrokerURL takes several brokers as a list or joined by semicolons.
func readBrokerURL(c *Config, v any) error {
	urls, err := texts(v)
	if err != nil || len(urls) == 0 {
		return mustBe("a URL", v)
	}
	c.Broker = strings.Join(urls, ";")
	return nil
}

func readResultBackend(c *Config, v any) error {
	if err := readText(&c.ResultBackend, v); err != nil {
		return err
	}
	return checkBackend(c.ResultBackend)
}

func readExchangeType(p *string, v any) error {
	if err := readText(p, v); err != nil {
		return err
	}
	switch kombu.ExchangeType(*p) {
	case kombu.Direct, kombu.Topic, kombu.Fanout:
		return nil
	}
	return mustBe("direct, topic or fanout", v)
}

func readMissingExchangeType(c *Config, v any) error {
	return readExchangeType(&c.TaskMissingQueueExchangeType, v)
}

func readDeliveryMode(c *Config, v any) error {
	switch v {
	case "transient":
		c.DefaultDeliveryMode = 1
	case "persistent":
		c.DefaultDeliveryMode = 2
	default:
		if err := readInt(&c.DefaultDeliveryMode, v, 1); err != nil || c.DefaultDeliveryMode > 2 {
			return mustBe("1, 2, transient or persistent", v)
		}
	}
	return nil
}

func readRateLimit(c *Config, v any) error {
	text, err := rateText(v)
	c.TaskDefaultRateLimit = text
	return err
}

// rateText is a rate limit as text; Python takes a number as well.
func rateText(v any) (string, error) {
	text, ok := v.(string)
	if n, isInt := toInt(v); isInt {
		text, ok = fmt.Sprint(n), true
	} else if f, isFloat := toFloat(v); isFloat {
		text, ok = pyrepr.Float(f), true
	}
	if _, err := parseRate(text); err != nil || !ok {
		return "", mustBe("a rate such as 10/s, 100/m or 5/h", v)
	}
	return text, nil
}

func readProtocol(c *Config, v any) error {
	if err := readInt(&c.TaskProtocol, v, 1); err != nil || c.TaskProtocol > 2 {
		return mustBe("1 or 2", v)
	}
	return nil
}

func readConcurrency(c *Config, v any) error {
	if v == "auto" {
		c.WorkerConcurrency = 0 // the CPUs that this process may use
		return nil
	}
	return readInt(&c.WorkerConcurrency, v, 0)
}

func readPrefetch(c *Config, v any) error {
	var n int
	err := readInt(&n, v, 0)
	c.WorkerPrefetchMultiplier = &n
	return err
}

func readQueues(c *Config, v any) error {
	c.Queues = nil
	if byName, ok := asMap(v); ok {
		for _, name := range keysOf(v, byName, slices.Sorted(maps.Keys(byName))) {
			m, ok := asMap(byName[name])
			if !ok && byName[name] != nil {
				return mustBe("a dictionary for queue "+name, byName[name])
			}
			if err := c.readQueue(name, m); err != nil {
				return err
			}
		}
		return nil
	}
	if queues, ok := v.([]Queue); ok {
		c.Queues = slices.Clone(queues)
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		return mustBe("a list or a dictionary of queues", v)
	}
	for _, e := range list {
		if q, ok := e.(Queue); ok {
			c.Queues = append(c.Queues, q)
			continue
		}
		name, isText := e.(string)
		m, isMap := asMap(e)
		if isMap {
			name = fields(m).str("name")
		}
		if !isText && !isMap || name == "" {
			return mustBe("a list of queues, each a name or a dictionary with one", e)
		}
		if err := c.readQueue(name, m); err != nil {
			return err
		}
	}
	return nil
}

// readQueue adds a queue from its dictionary; what concerns only AMQP is passed over.
func (c *Config) readQueue(name string, m map[string]any) error {
	q := Queue{Name: name}
	var typ string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		var err error
		switch v := m[key]; key {
		case "exchange":
			if ex, ok := asMap(v); ok {
				q.Exchange.Name = fields(ex).str("name")
				typ = orDefault(typ, fields(ex).str("type"))
			} else if v != nil {
				err = readText(&q.Exchange.Name, v)
			}
		case "exchange_type":
			err = readExchangeType(&typ, v)
		case "routing_key", "binding_key":
			if v != nil && q.RoutingKey == "" {
				err = readText(&q.RoutingKey, v)
			}
		case "expires":
			if v != nil {
				err = readSeconds(&q.Expires, v)
			}
		}
		if err != nil {
			return fmt.Errorf("%s of queue %s: %w", key, name, err)
		}
	}
	if q.Exchange.Type = kombu.ExchangeType(typ); typ != "" {
		if err := readExchangeType(&typ, typ); err != nil {
			return fmt.Errorf("exchange of queue %s: %w", name, err)
		}
	}
	c.Queues = append(c.Queues, q)
	return nil
}

// readRoutes takes a map, or a list of maps and of pairs of a pattern and a route. A list of pairs alone counts as one map
// whose order is kept, as Celery's MapRoute does.
func readRoutes(c *Config, v any) error {
	c.Routes = nil
	if routes, ok := v.([]Route); ok {
		c.Routes = slices.Clone(routes)
		return nil
	}
	if m, ok := asMap(v); ok {
		return c.readRouteMap(v, m)
	}
	list, ok := v.([]any)
	if !ok {
		return mustBe("a dictionary or a list of routes", v)
	}
	for _, e := range list {
		if m, ok := asMap(e); ok {
			if err := c.readRouteMap(e, m); err != nil {
				return err
			}
			continue
		}
		pair, ok := e.([]any)
		if !ok {
			return mustBe("dictionaries and pairs of a pattern and a route; a function is set as Config.Routers", e)
		}
		if len(pair) == 2 {
			if pattern, is := pair[0].(string); is {
				if err := c.readRoute(pattern, pair[1]); err != nil {
					return err
				}
				continue
			}
		}
		if err := readRoutesInto(c, pair); err != nil {
			return err
		}
	}
	return nil
}

// readRoutesInto adds the pairs of a list within the list.
func readRoutesInto(c *Config, pairs []any) error {
	for _, p := range pairs {
		pair, ok := p.([]any)
		if !ok || len(pair) != 2 {
			return mustBe("a pair of a pattern and a route", p)
		}
		pattern, ok := pair[0].(string)
		if !ok {
			return mustBe("a pattern as text", pair[0])
		}
		if err := c.readRoute(pattern, pair[1]); err != nil {
			return err
		}
	}
	return nil
}

// keysOf are the keys of a value that asMap made m of: in their order if it has one, else as given.
func keysOf(v any, m map[string]any, without []string) []string {
	ordered, ok := v.(pyrepr.Ordered)
	if !ok {
		return without
	}
	keys := make([]string, 0, len(m))
	for _, p := range ordered.PyItems() {
		keys = append(keys, p.Key)
	}
	return keys
}

// readRouteMap adds the routes of a map. Where it has no order the longer of two patterns is the more special one.
func (c *Config) readRouteMap(v any, m map[string]any) error {
	patterns := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		if d := len(b) - len(a); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for _, p := range keysOf(v, m, patterns) {
		if err := c.readRoute(p, m[p]); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) readRoute(pattern string, v any) error {
	r := Route{Pattern: pattern}
	if queue, ok := v.(string); ok {
		r.Queue = queue
		c.Routes = append(c.Routes, r)
		return nil
	}
	m, ok := asMap(v)
	if !ok {
		return mustBe("the name of a queue or a dictionary for "+pattern, v)
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		var err error
		switch v := m[key]; key {
		case "queue":
			err = readText(&r.Queue, v)
		case "exchange":
			err = readText(&r.Exchange, v)
		case "exchange_type":
			err = readExchangeType(&r.ExchangeType, v)
		case "routing_key":
			err = readText(&r.RoutingKey, v)
		case "priority":
			r.Priority = new(int)
			err = readInt(r.Priority, v, 0)
		default:
			err = errors.New("is no part of a route here: queue, exchange, exchange_type, routing_key, priority")
		}
		if err != nil {
			return fmt.Errorf("of %s: %s %w", pattern, key, err)
		}
	}
	c.Routes = append(c.Routes, r)
	return nil
}

// readAnnotations takes a map of task names, or "*", to attributes, or a list of such maps of which the first that has
// the task counts.
func readAnnotations(c *Config, v any) error {
	maps := []any{v}
	if list, ok := v.([]any); ok {
		maps = list
	}
	c.TaskAnnotations = map[string]map[string]any{}
	for _, e := range maps {
		m, ok := asMap(e)
		if !ok {
			return mustBe("a dictionary of task names; classes are not available here", e)
		}
		for name, attrs := range m {
			a, ok := asMap(attrs)
			if !ok {
				return mustBe("a dictionary for "+name, attrs)
			}
			if _, have := c.TaskAnnotations[name]; have {
				continue
			}
			if err := annotate(new(TaskOptions), a); err != nil {
				return fmt.Errorf("of %s: %w", name, err)
			}
			c.TaskAnnotations[name] = a
		}
	}
	return nil
}

// annotated are a task's options after task_annotations: those of its name, then those of "*", as in Celery.
func (c *Config) annotated(name string, o TaskOptions) (TaskOptions, error) {
	for _, key := range []string{name, "*"} {
		if err := annotate(&o, c.TaskAnnotations[key]); err != nil {
			return o, fmt.Errorf("%w task_annotations of %s: %w", ErrSetting, key, err)
		}
	}
	return o, nil
}

// annotate sets attributes of a task by their names in Python.
func annotate(o *TaskOptions, attrs map[string]any) error {
	flag := func(p **bool, v any) error {
		var b bool
		err := readBool(&b, v)
		*p = &b
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(attrs)) {
		var err error
		switch v := attrs[key]; key {
		case "rate_limit":
			if v == nil {
				v = "0" // none, whatever the default
			}
			o.RateLimit, err = rateText(v)
		case "time_limit":
			err = readSeconds(&o.TimeLimit, v)
		case "soft_time_limit":
			err = readSeconds(&o.SoftTimeLimit, v)
		case "acks_late":
			err = readBool(&o.AcksLate, v)
			o.AcksEarly = !o.AcksLate
		case "acks_on_failure":
			err = flag(&o.AcksOnFailure, v)
		case "acks_on_timeout":
			err = flag(&o.AcksOnTimeout, v)
		case "ignore_result":
			err = flag(&o.IgnoreResult, v)
		case "store_errors_even_if_ignored":
			err = flag(&o.StoreErrors, v)
		case "track_started":
			err = flag(&o.TrackStarted, v)
		case "send_events":
			err = flag(&o.SendEvents, v)
		case "serializer":
			err = readText(&o.Serializer, v)
		case "compression":
			err = readText(&o.Compression, v)
		case "queue":
			err = readText(&o.Queue, v)
		case "exchange":
			err = readText(&o.Exchange, v)
		case "routing_key":
			err = readText(&o.RoutingKey, v)
		case "priority":
			o.Priority = new(int)
			err = readInt(o.Priority, v, 0)
		case "expires":
			err = readSeconds(&o.Expires, v)
		case "max_retries":
			n := -1
			if v != nil {
				err = readInt(&n, v, 0)
			}
			o.MaxRetries = &n
		case "default_retry_delay":
			if err = readSeconds(&o.DefaultRetryDelay, v); err == nil && o.DefaultRetryDelay == 0 {
				o.DefaultRetryDelay = -1
			}
		case "resultrepr_maxsize":
			err = readInt(&o.ResultReprMax, v, 1)
		default:
			err = errors.New("is no attribute that can be annotated here")
		}
		if err != nil {
			return fmt.Errorf("%s %w", key, err)
		}
	}
	return nil
}
