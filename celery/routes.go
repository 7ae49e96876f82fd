package celery

import (
	"path"
	"slices"
	"strings"

	"healpipe/celery/kombu"
)

// Route sends the tasks whose name matches Pattern (exactly, or as a glob if there is a * in it) to a queue, or to an exchange with a
// routing key. Empty fields leave the default.
type Route struct {
	Pattern      string
	Queue        string
	Exchange     string
	ExchangeType string
	RoutingKey   string
	Priority     *int
}

// Router chooses a route for a task; ok false leaves the choice to the next one.
type Router func(name string, args []any, kwargs map[string]any, options map[string]any) (route Route, ok bool)

// route finds the route of a task: the routers in order, then the exact names, then the patterns in order.
func (a *App) route(name string, args []any, kwargs, options map[string]any) Route {
	for _, r := range a.conf.Routers {
		if route, ok := r(name, args, kwargs, options); ok {
			return route
		}
	}
	for _, r := range a.conf.Routes {
		if r.Pattern == name {
			return r
		}
	}
	for _, r := range a.conf.Routes {
		if strings.Contains(r.Pattern, "*") && globMatch(r.Pattern, name) {
			return r
		}
	}
	return Route{}
}

// globMatch is Python's fnmatch, in which * crosses every separator. Task and node names hold no slash, and where one
// does it is compared as another character.
func globMatch(pattern, name string) bool {
	const stand = "\x00"
	ok, err := path.Match(strings.ReplaceAll(strings.ReplaceAll(pattern, "[!", "[^"), "/", stand), strings.ReplaceAll(name, "/", stand))
	return err == nil && ok
}

// Queues returns the queues that workers consume unless they are told otherwise, task_queues or the default one, with
// exchange and routing key filled in.
func (a *App) Queues() []Queue {
	if len(a.conf.Queues) == 0 {
		return []Queue{a.queueNamed(a.conf.DefaultQueue)}
	}
	out := make([]Queue, len(a.conf.Queues))
	for i, q := range a.conf.Queues {
		out[i] = a.completeQueue(q)
	}
	return out
}

// queueNamed returns the declared queue of that name, or the one that Celery makes for a missing one.
func (a *App) queueNamed(name string) Queue {
	for _, q := range a.conf.Queues {
		if q.Name == name {
			return a.completeQueue(q)
		}
	}
	if name == a.conf.DefaultQueue {
		return Queue{Name: name, RoutingKey: a.conf.DefaultRoutingKey,
			Exchange: Exchange{Name: a.conf.DefaultExchange, Type: kombu.ExchangeType(a.conf.DefaultExchangeType)}}
	}
	return a.completeQueue(Queue{Name: name, Exchange: Exchange{Type: kombu.ExchangeType(a.conf.TaskMissingQueueExchangeType)}})
}

// undeclared reports whether a queue is none of task_queues where missing ones are not to be made.
func (a *App) undeclared(name string) bool {
	if !a.conf.TaskMissingQueuesOff || len(a.conf.Queues) == 0 && name == a.conf.DefaultQueue {
		return false
	}
	return !slices.ContainsFunc(a.conf.Queues, func(q Queue) bool { return q.Name == name })
}

func (a *App) completeQueue(q Queue) Queue {
	if q.Exchange.Name == "" {
		q.Exchange.Name = q.Name
	}
	if q.Exchange.Type == "" {
		q.Exchange.Type = kombu.ExchangeType(a.conf.DefaultExchangeType)
	}
	switch {
	case q.RoutingKey != "":
	case q.Exchange.Type == kombu.Fanout: // as Celery's Broadcast, so that what is sent through it is heard
		q.RoutingKey = a.conf.DefaultRoutingKey
	default:
		q.RoutingKey = q.Name
	}
	return q
}

// destination is where a message goes.
type destination struct {
	exchange   Exchange
	routingKey string
}

// destinationFor turns queue, exchange and routing key into where to publish: direct queues through the anonymous
// exchange, as Celery does.
func (a *App) destinationFor(queue, exchange, exchangeType, routingKey string) destination {
	if queue == "" && exchange == "" {
		queue = a.conf.DefaultQueue
	}
	var q Queue
	if queue != "" {
		q = a.queueNamed(queue)
	}
	typ := kombu.ExchangeType(exchangeType)
	if typ == "" {
		if typ = q.Exchange.Type; typ == "" {
			typ = a.exchangeType(exchange)
		}
	}
	if queue != "" && typ == kombu.Direct && (exchange == "" || routingKey == "") {
		return destination{routingKey: queue}
	}
	if exchange == "" {
		exchange = q.Exchange.Name
	}
	if routingKey == "" {
		if routingKey = q.RoutingKey; routingKey == "" {
			routingKey = a.conf.DefaultRoutingKey
		}
	}
	return destination{exchange: Exchange{Name: exchange, Type: typ}, routingKey: routingKey}
}

// exchangeType finds the type of an exchange that one of the declared queues is bound to.
func (a *App) exchangeType(name string) kombu.ExchangeType {
	for _, q := range a.conf.Queues {
		if q.Exchange.Name == name && q.Exchange.Type != "" {
			return q.Exchange.Type
		}
	}
	return kombu.Direct
}
