package config

import "go.starlark.net/starlark"

// Kombu's classes as task_queues uses them are dictionaries of their arguments.

// kombuExchange is kombu.Exchange.
func kombuExchange(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return asDict("Exchange", []string{"name", "type", "channel"}, args, kwargs)
}

// kombuQueue is kombu.Queue.
func kombuQueue(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	for _, kw := range kwargs {
		if kw[0] == starlark.String("bindings") {
			return nil, notRead("write a queue for each binding", "bindings of a queue are not read")
		}
	}
	return asDict("Queue", []string{"name", "exchange", "routing_key", "channel", "bindings", "on_declared"}, args, kwargs)
}

// asDict names the positional arguments of a class.
func asDict(class string, names []string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) > len(names) {
		return nil, raiseClass("TypeError", "%s takes %d arguments, not %d", class, len(names), len(args))
	}
	d := starlark.NewDict(len(args) + len(kwargs))
	for i, v := range args {
		if err := d.SetKey(starlark.String(names[i]), v); err != nil {
			return nil, err
		}
	}
	for _, kw := range kwargs {
		if _, twice, _ := d.Get(kw[0]); twice {
			return nil, raiseClass("TypeError", "%s got %s twice", class, plain(kw[0]))
		}
		if err := d.SetKey(kw[0], kw[1]); err != nil {
			return nil, err
		}
	}
	return d, nil
}
