package celery

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"healpipe/celery/kombu"
)

const (
	gossipInterval = 5 * time.Second
	missedBeats    = 2.0  // a node is gone after so many heartbeats without an event
	defaultFreq    = 60.0 // of a node that does not say how often it beats
)

// gossip follows the peers by their worker events and takes part in elections. The bus's goroutine owns it.
type gossip struct {
	worker  *Worker
	peers   map[string]*peer
	elect   map[string][]candidate // by election id, with the candidates seen
	replies map[string][]string    // elections that this worker takes part in, with who has acknowledged
}

type peer struct {
	freq float64
	seen time.Time
}

// candidate is one worker-elect event. The lowest clock, then the lowest name wins.
type candidate struct {
	clock  int64
	name   string
	topic  string
	action any
}

func newGossip(w *Worker) *gossip {
	return &gossip{worker: w, peers: map[string]*peer{}, elect: map[string][]candidate{}, replies: map[string][]string{}}
}

// ticks is a channel with an entry every check interval.
func (g *gossip) ticks(ctx context.Context) <-chan struct{} {
	ch := make(chan struct{})
	go func() {
		for {
			timer, stop := g.worker.app.clock.Timer(gossipInterval)
			select {
			case <-ctx.Done():
				stop()
				return
			case <-timer:
			}
			select {
			case ch <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ch
}

// event takes one worker event in.
func (g *gossip) event(ctx context.Context, ev *kombu.Event) {
	w := g.worker
	if strings.HasPrefix(ev.RoutingKey, "task.") {
		return
	}
	body, err := ev.Message.Decode(w.app.accept)
	if err != nil {
		w.log.errorf("gossip: %v", err)
		return
	}
	m, ok := body.(map[string]any)
	if !ok {
		return
	}
	f := fields(m)
	switch ev.RoutingKey {
	case "worker.elect":
		g.onElect(ctx, f)
		return
	case "worker.elect.ack":
		g.onAck(ctx, f)
		return
	}
	node, _ := ev.Message.Headers["hostname"].(string)
	if node == "" {
		node = f.str("hostname")
	}
	if node == w.node || node == "" {
		w.app.lclock.forward()
		return
	}
	clock, _ := toInt(f["clock"])
	w.app.lclock.adjust(clock)
	if f.str("type") == "worker-offline" {
		if g.peers[node] != nil {
			delete(g.peers, node)
			w.log.debugf("%s left", node)
		}
		return
	}
	p := g.peers[node]
	if p == nil {
		p = &peer{freq: defaultFreq}
		g.peers[node] = p
		w.log.debugf("%s joined the party", node)
	}
	if freq, ok := toFloat(f["freq"]); ok && freq > 0 {
		p.freq = freq
	}
	p.seen = w.app.clock.Now()
}

func (g *gossip) alive(p *peer) bool {
	return g.worker.app.clock.Now().Sub(p.seen).Seconds() <= p.freq*missedBeats
}

// check looks for peers that have gone silent.
func (g *gossip) check() {
	for node, p := range g.peers {
		if !g.alive(p) {
			g.worker.log.infof("missed heartbeat from %s", node)
			delete(g.peers, node)
		}
	}
}

// election announces this worker as a candidate.
func (g *gossip) election(ctx context.Context, id, topic string, action any) {
	g.replies[id] = []string{}
	g.send(ctx, "worker-elect", field{"id", id}, field{"topic", topic}, field{"action", action}, field{"cver", 1})
}

func (g *gossip) send(ctx context.Context, typ string, fields ...field) {
	ctx, cancel := context.WithTimeout(ctx, workerEventTimeout)
	defer cancel()
	g.worker.events.worker(ctx, typ, fields...)
}

func (g *gossip) onElect(ctx context.Context, f fields) {
	clock, ok := toInt(f["clock"])
	pid, _ := toInt(f["pid"])
	id := f.str("id")
	if !ok || id == "" || f.str("hostname") == "" {
		g.worker.log.errorf("election request missing field")
		return
	}
	if len(g.elect) > 10_000 {
		g.elect = map[string][]candidate{} // elections that were never decided
	}
	g.elect[id] = append(g.elect[id], candidate{clock, fmt.Sprintf("%s.%d", f.str("hostname"), pid), f.str("topic"), f["action"]})
	g.send(ctx, "worker-elect-ack", field{"id", id})
}

func (g *gossip) onAck(ctx context.Context, f fields) {
	w, id := g.worker, f.str("id")
	acks, ours := g.replies[id]
	if !ours {
		return
	}
	acks = append(acks, f.str("hostname"))
	g.replies[id] = acks
	alive := 1 // this worker
	for _, p := range g.peers {
		if g.alive(p) {
			alive++
		}
	}
	if len(acks) < alive || len(g.elect[id]) == 0 {
		return
	}
	best := slices.MinFunc(g.elect[id], func(a, b candidate) int {
		if a.clock != b.clock {
			return int(a.clock - b.clock)
		}
		return strings.Compare(a.name, b.name)
	})
	delete(g.elect, id)
	delete(g.replies, id)
	if best.name != fmt.Sprintf("%s.%d", w.node, os.Getpid()) {
		w.log.infof("node %s elected for '%s'", best.name, id)
		return
	}
	w.log.infof("I won the election '%s'", id)
	if best.topic != "task" {
		w.log.errorf("Unknown election topic '%s'", best.topic)
		return
	}
	if err := w.callElected(ctx, best.action); err != nil {
		w.log.errorf("Could not call task: %v", err)
	}
}
