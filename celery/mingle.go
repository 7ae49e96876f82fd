package celery

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"healpipe/celery/kombu"
)

const (
	mingleTimeout   = time.Second
	replyTimeout    = 5 * time.Second
	controlReplyTTL = 5 * time.Minute // Celery's control_queue_ttl
)

// mingle greets the workers that are there already and learns what has been revoked, and their clock. It knows from
// the number of subscribers how many may answer, so a worker that is alone does not wait.
func (w *Worker) mingle(ctx context.Context) {
	if w.conf.RemoteControlOff {
		return
	}
	w.log.infof("mingle: searching for neighbors")
	ctx, cancel := context.WithTimeout(ctx, mingleTimeout)
	defer cancel()
	replies := w.hello(ctx)
	if len(replies) == 0 {
		w.log.infof("mingle: all alone")
		return
	}
	w.log.infof("mingle: sync with %d nodes", len(replies))
	for _, r := range replies {
		clock, _ := toInt(r["clock"])
		w.app.lclock.adjust(clock)
		w.mergeRevoked(r["revoked"])
	}
	w.log.infof("mingle: sync complete")
}

// hello broadcasts and gathers the replies of other workers.
func (w *Worker) hello(ctx context.Context) []map[string]any {
	revoked := w.state.revoked.list()
	ids := make([]any, len(revoked))
	for i, id := range revoked {
		ids[i] = id
	}
	c := w.app.Control()
	c.conn = w.conn
	var out []map[string]any
	want := -1
	err := c.collect(ctx, request{method: "hello", args: map[string]any{"from_node": w.node, "revoked": ids}, ticket: uuid.NewString()},
		func(receivers int) bool { want = receivers - 1; return want > 0 },
		func(node string, reply any) bool {
			if node != w.node {
				want--
				if m, ok := reply.(map[string]any); ok {
					out = append(out, m)
				}
			}
			return want > 0
		})
	if err != nil && ctx.Err() == nil {
		w.log.debugf("mingle: %v", err)
	}
	return out
}

// mergeRevoked takes ids over from a peer: a list (Celery 5.7), or an object of them (up to 5.6), or pairs.
func (w *Worker) mergeRevoked(v any) {
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			if id, ok := e.(string); ok {
				w.state.revoked.add(id)
			}
		}
	case map[string]any:
		ids := make([]string, 0, len(x))
		for id := range x {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		for _, id := range ids {
			w.state.revoked.add(id)
		}
	}
}

// replyQueue is the queue that replies to a client come to.
func (a *App) replyQueue(oid string) kombu.Queue {
	ex := kombu.Exchange{Name: "reply." + a.conf.ControlExchange + ".pidbox", Type: kombu.Direct}
	return kombu.Queue{Name: oid + "." + ex.Name, Exchange: ex, RoutingKey: oid, Expires: 10 * time.Second}
}
