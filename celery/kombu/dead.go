package kombu

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gomodule/redigo/redis"
)

// A dead letter is a line of JSON, {"list", "reason", "time"}, and the element's bytes as they were.

// DeadLetter is a list element that was put aside: no message at all, or one that a consumer has buried.
type DeadLetter struct {
	ID     string    // of this list of dead letters: the start of the entry's hash
	Queue  string    // queue it was found in, "" if it was found among the unacknowledged messages
	Reason string    // why it could not be delivered
	Time   time.Time // by the server's clock
	Raw    []byte    // the element as it was

	list  string // that it was taken from
	entry []byte // as the list of dead letters holds it
}

// ErrNoQueue means that a dead letter can't be sent back without the name of a queue.
var ErrNoQueue = errors.New("it was in no queue's list: name the queue")

// Bury settles a delivery by putting the message aside, among the dead letters, with a reason.
func (d *Delivery) Bury(reason string) {
	d.c.settleAs(d, &settlement{d: d, kind: settleBury, reason: reason})
}

// DeadLetters returns up to n of the elements that were put aside, newest first; n <= 0 means all.
func (c *Connection) DeadLetters(ctx context.Context, n int) ([]DeadLetter, error) {
	return c.deadLetters(ctx, max(n, 0)-1)
}

// DeadCount returns how many there are.
func (c *Connection) DeadCount(ctx context.Context) (int, error) {
	n, err := redis.Int(c.do(ctx, true, "LLEN", c.keys.dead))
	if err != nil {
		return 0, fmt.Errorf("dead letters: %w", err)
	}
	return n, nil
}

// Revive sends a dead letter to the list that it came from, or to a queue, where it is served last, and removes it from the
// dead letters, in one step. It reports false if it is not there any more.
func (c *Connection) Revive(ctx context.Context, l DeadLetter, queue string) (bool, error) {
	list := l.list
	if queue != "" {
		priority := 0
		if m, err := ParseMessage(l.Raw); err == nil {
			priority = m.Properties.Priority
		}
		list = c.keys.list(queue, priority)
	}
	if list == "" || list == c.keys.unacked {
		return false, fmt.Errorf("dead letter %s: %w", l.ID, ErrNoQueue)
	}
	n, err := redis.Int(c.eval(ctx, reviveScript, []string{c.keys.dead, list}, l.entry, l.Raw))
	if err != nil {
		return false, fmt.Errorf("dead letter %s: %w", l.ID, err)
	}
	return n == 1, nil
}

// RemoveDead deletes dead letters and returns how many were still there.
func (c *Connection) RemoveDead(ctx context.Context, letters ...DeadLetter) (int, error) {
	calls := make([]*call, len(letters))
	for i, l := range letters {
		calls[i] = &call{cmd: "LREM", args: []any{c.keys.dead, 1, l.entry}}
	}
	return sum(c.pipeline(ctx, calls))
}

// maxDead is how many dead letters are kept: a producer gone wrong must not fill the broker's memory.
const maxDead = 10_000

// trimDead drops the oldest dead letters beyond maxDead.
func (c *Connection) trimDead(ctx context.Context) error {
	_, err := c.do(ctx, true, "LTRIM", c.keys.dead, 0, maxDead-1)
	return err
}

// reviveScript moves a dead letter.
//
//	KEYS[1] dead letters  [2] list
//	ARGV[1] the entry  [2] the element
//	result  1 if moved, 0 if it was not there
var reviveScript = newScript("revive", `
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[2])
return 1
`, false)

// deadLetter makes one with our own clock; the scripts use the server's.
func deadLetter(list, reason string, raw []byte) []byte {
	out := appendString([]byte(`{"list":`), list)
	out = appendString(append(out, `,"reason":`...), reason)
	out = fmt.Appendf(out, ",\"time\":%.3f}\n", float64(time.Now().UnixMilli())/1e3)
	return append(out, raw...)
}

// deadChunk is how many dead letters are read at once.
const deadChunk = 100

// deadLetters reads those up to index last, -1 for all.
func (c *Connection) deadLetters(ctx context.Context, last int) ([]DeadLetter, error) {
	var out []DeadLetter
	for from := 0; last < 0 || from <= last; from += deadChunk {
		to := from + deadChunk - 1
		if last >= 0 {
			to = min(to, last)
		}
		items, err := redis.ByteSlices(c.do(ctx, true, "LRANGE", c.keys.dead, from, to))
		if err != nil {
			return nil, fmt.Errorf("dead letters: %w", err)
		}
		for _, item := range items {
			out = append(out, c.parseDead(item))
		}
		if len(items) < deadChunk {
			break
		}
	}
	return out, nil
}

func (c *Connection) parseDead(item []byte) DeadLetter {
	hash := sha256.Sum256(item)
	l := DeadLetter{ID: hex.EncodeToString(hash[:4]), entry: item}
	head, raw, _ := bytes.Cut(item, []byte("\n"))
	var h struct {
		List, Reason string
		Time         float64
	}
	if err := json.Unmarshal(head, &h); err != nil || math.Abs(h.Time) > 1e11 {
		l.Reason, l.Raw = "unknown", item
		return l
	}
	sec, frac := math.Modf(h.Time)
	l.Reason, l.Time, l.Raw, l.list = h.Reason, time.Unix(int64(sec), int64(frac*1e9)), raw, h.List
	if !slices.Contains([]string{"", c.keys.unacked}, h.List) {
		l.Queue = c.keys.queue(h.List)
	}
	return l
}
