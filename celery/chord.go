package celery

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"healpipe/celery/internal/pyrepr"
	"healpipe/celery/kombu"
)

// A chord's parts are counted in Redis under celery-taskset-meta-<group id> with these suffixes.
const (
	chordResults = ".j" // the parts: a sorted set scored by their place in the header, or a list
	chordExtra   = ".t" // how many tasks add_to_chord has added
	chordSize    = ".s" // how many parts there are
	chordCounted = ".d" // "task id:place" of the parts counted, so that a second delivery does not count
	chordClaim   = ".c" // who calls the body, or "done"
)

// chordPartScript counts a part and decides who calls the body. The mark "done" turns away parts that were delivered
// before; a first delivery is of a new run of a frozen chord, whose client removes the mark only with its last part.
// A claim begins with the part that took it: when that part comes again its worker is gone, and so is the claim. A
// Python worker that the part comes to waits for the claim's end, and leaves the chord uncalled if it has not come: hence
// claims here are short and renewed (chordClaimLife).
//
//	KEYS  1 .j  2 .t  3 .s  4 .d  5 the group's key  6 .c
//	ARGV  1 task id  2 part  3 ordered (1 or 0)  4 place, or +inf  5 expiry of the counters, s (0 none)
//	      6 expiry of the group, s (0 none)  7 expiry of the claim, s  8 claim token  9 redelivered (1 or 0)
//	reply parts counted (-1: the chord is done), extra parts or nil, size or nil, 1 if this caller has the claim
var chordPartScript = kombu.NewScript("chord part", `
if ARGV[9] == '1' and redis.call('GET', KEYS[6]) == 'done' then return {-1, 0, 0, 0} end
local part = ARGV[1] .. ':' .. ARGV[4]
if redis.call('SADD', KEYS[4], part) == 1 then
  if ARGV[3] == '1' then redis.call('ZADD', KEYS[1], ARGV[4], ARGV[2])
  else redis.call('RPUSH', KEYS[1], ARGV[2]) end
end
local n
if ARGV[3] == '1' then n = redis.call('ZCARD', KEYS[1]) else n = redis.call('LLEN', KEYS[1]) end
if tonumber(ARGV[5]) > 0 then
  for i = 1, 4 do redis.call('EXPIRE', KEYS[i], ARGV[5]) end
  if tonumber(ARGV[6]) > 0 then redis.call('EXPIRE', KEYS[5], ARGV[6]) end
end
local extra, size, mine = redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3]), 0
if size and n == tonumber(size) + tonumber(extra or 0) then
  if redis.call('SET', KEYS[6], ARGV[8], 'NX', 'EX', ARGV[7]) then mine = 1
  else
    local owner = redis.call('GET', KEYS[6])
    if owner == ARGV[8] then mine = 1
    elseif ARGV[9] == '1' and string.sub(owner, 1, #part + 1) == part .. '/' then
      redis.call('SET', KEYS[6], ARGV[8], 'EX', ARGV[7])
      mine = 1
    end
  end
end
return {n, extra, size, mine}`, true)

// chordKeepScript lets a claim that is held live on.
//
//	KEYS  1 .c   ARGV  1 token  2 its life, ms   reply 1 if the claim is the caller's
var chordKeepScript = kombu.NewScript("chord keep", `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`, true)

// chordExtendScript renews the claim, or takes an expired one again while the counters are still there.
//
//	KEYS  1 .c  2 .s   ARGV  1 token  2 expiry, s   reply 1 if the claim is the caller's
var chordExtendScript = kombu.NewScript("chord claim", `
local owner = redis.call('GET', KEYS[1])
if owner == ARGV[1] then
  redis.call('EXPIRE', KEYS[1], ARGV[2])
  return 1
end
if not owner and redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
  return 1
end
return 0`, true)

// chordDoneScript removes the counters of a chord whose body has been called and marks it as done.
//
//	KEYS  1 .c  2 .j  3 .t  4 .s  5 .d   ARGV  1 token  2 expiry of the mark, s   reply 1 if the claim was the caller's
var chordDoneScript = kombu.NewScript("chord done", `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
redis.call('SET', KEYS[1], 'done', 'EX', ARGV[2])
return 1`, false)

// setChordSize tells how many parts a chord has. A chord that is sent again is a new run, so its claim goes.
func (b *redisBackend) setChordSize(ctx context.Context, gid string, n int) error {
	if _, err := b.redis.Del(ctx, b.groupKey(gid, chordClaim)); err != nil {
		return err
	}
	return b.redis.Set(ctx, b.groupKey(gid, chordSize), strconv.AppendInt(nil, int64(n), 10), b.chordExpiry())
}

func (b *redisBackend) chordExpiry() time.Duration {
	d := b.app.conf.ResultChordExpires
	if d == 0 {
		d = b.app.conf.ResultExpires
	}
	return max(0, d)
}

func (b *redisBackend) saveGroup(ctx context.Context, r *AsyncResult) error {
	data, err := b.encode(map[string]any{"result": r.resultTuple()})
	if err != nil {
		return err
	}
	return b.redis.Set(ctx, b.groupKey(r.ID, ""), data, b.chordExpiry())
}

func (b *redisBackend) restoreGroup(ctx context.Context, gid string) (*AsyncResult, error) {
	data, found, err := b.redis.Get(ctx, b.groupKey(gid, ""))
	if err != nil || !found {
		return nil, err
	}
	meta, err := b.meta(gid, data)
	if err != nil {
		return nil, err
	}
	return b.app.resultFromTuple(meta["result"], 0)
}

func (b *redisBackend) addToChord(ctx context.Context, gid string) error {
	_, err := b.redis.Do(ctx, false, "INCR", b.groupKey(gid, chordExtra))
	return err
}

func (b *redisBackend) ordered() bool {
	ordered, set := b.app.conf.ResultBackendTransportOptions["result_chord_ordered"].(bool)
	return ordered || !set
}

// part is one finished task of a chord's header.
type part struct {
	id    string
	group string
	index *int64
	chord any // the body
	state string
	value any // result or exception object
	root  string
}

// chordPart reports a task of a chord's header, once its result has been stored; the one that completes the chord
// calls the body.
func (w *Worker) chordPart(ctx context.Context, r *Request, state string, value any) {
	if r.chord == nil {
		return
	}
	w.reportPart(ctx, r, part{id: r.ID, group: r.Group, index: r.GroupIndex, chord: r.chord, state: state, value: value, root: r.root()})
}

func (w *Worker) reportPart(ctx context.Context, r *Request, p part) {
	b, ok := w.back.(*redisBackend)
	if !ok || p.group == "" || p.id == "" {
		return
	}
	body, err := w.app.toSignature(p.chord)
	if err == nil {
		err = w.countPart(ctx, b, r, p, body)
	}
	if err != nil {
		w.log.errorf("Chord '%s' raised: %v", p.group, err)
	}
}

func (w *Worker) countPart(ctx context.Context, b *redisBackend, r *Request, p part, body *Signature) error {
	data, err := b.encode([]any{1, p.id, p.state, p.value})
	if err != nil {
		return err
	}
	place := "+inf"
	if p.index != nil {
		place = strconv.FormatInt(*p.index, 10)
	}
	ordered := 0
	if b.ordered() {
		ordered = 1
	}
	token := p.id + ":" + place + "/" + uuid.NewString()
	key := func(suffix string) string { return b.groupKey(p.group, suffix) }
	redelivered := 0
	if r.Redelivered() {
		redelivered = 1
	}
	reply, err := b.redis.Eval(ctx, chordPartScript, []string{key(chordResults), key(chordExtra), key(chordSize), key(chordCounted), key(""), key(chordClaim)},
		p.id, data, ordered, place, int(b.chordExpiry().Seconds()), int(max(0, b.app.conf.ResultExpires).Seconds()), int(chordClaimLife.Seconds()), token, redelivered)
	if err != nil {
		return err
	}
	list, ok := reply.([]any)
	if !ok || len(list) != 4 {
		return fmt.Errorf("celery: unexpected reply of the chord script: %v", reply)
	}
	if mine, _ := list[3].(int64); mine != 1 {
		return nil
	}
	defer b.keepClaim(ctx, key(chordClaim), token)()
	results, err := w.joinChord(ctx, b, p.group)
	if err != nil {
		letClientsLook(ctx)
		w.failChord(ctx, r, body, err)
		_, derr := b.redis.Del(ctx, key(chordSize)) // a part that comes again does not fail the chord again
		return derr
	}
	reply, err = b.redis.Eval(ctx, chordExtendScript, []string{key(chordClaim), key(chordSize)}, token, int(chordClaimLife.Seconds()))
	if err != nil {
		return err
	}
	if owner, _ := reply.(int64); owner != 1 {
		w.log.warnf("Chord callback for '%s' not published: dispatch claim is no longer owned by this worker", p.group)
		return nil
	}
	_, err = w.app.send(requestContext(ctx, r), func(snd *sender) (*AsyncResult, error) {
		return snd.apply(body.copy(), []any{results}, nil, map[string]any{})
	})
	if err != nil {
		w.failChord(ctx, r, body, chordError("Callback error: "+excRepr(err), err))
	}
	_, derr := b.redis.Eval(ctx, chordDoneScript, []string{key(chordClaim), key(chordResults), key(chordExtra), key(chordSize), key(chordCounted)},
		token, int(max(4*b.app.conf.ChordJoinTimeout, chordDoneLife).Seconds()))
	return derr
}

// letClientsLook waits for the moment that Celery's client needs from its look at the header's results to that at the
// body's. A get() raises the header's own exception, as programs that catch it expect; a chord that fails as a whole
// between its two looks, which a Python worker is too slow for, would show as ChordError.
func letClientsLook(ctx context.Context) {
	t := time.NewTimer(chordFailureDelay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

const chordFailureDelay = 20 * time.Millisecond

const (
	// chordClaimLife is how long a claim outlives its worker: less than the three quarters of a lease's time (6 s) after
	// which the part can come to a Python worker, which knows claims only by their end.
	chordClaimLife = 5 * time.Second
	chordDoneLife  = 300 * time.Second // of the mark "done", at least
)

// keepClaim renews a claim until the returned function is called.
func (b *redisBackend) keepClaim(ctx context.Context, key, token string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(chordClaimLife / 4)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			// A failure shows when the claim is extended before the body is called.
			_, _ = b.redis.Eval(ctx, chordKeepScript, []string{key}, token, chordClaimLife.Milliseconds())
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

func requestContext(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

func chordError(text string, cause error) *Error {
	return &Error{Class: "ChordError", Module: "celery.exceptions", Args: []any{text}, Cause: cause}
}

// joinChord gathers the header's results: from the saved structure for a header of nested groups, else as counted.
func (w *Worker) joinChord(ctx context.Context, b *redisBackend, gid string) (any, error) {
	saved, err := b.restoreGroup(ctx, gid)
	if err != nil {
		return nil, chordError("Join error: "+excRepr(err), err)
	}
	if saved != nil {
		jctx, cancel := context.WithTimeout(ctx, b.app.conf.ChordJoinTimeout)
		defer cancel()
		return joinTree(jctx, b, saved)
	}
	cmd := []any{b.groupKey(gid, chordResults), 0, -1}
	name := "LRANGE"
	if b.ordered() {
		name = "ZRANGE"
	}
	reply, err := b.redis.Do(ctx, true, name, cmd...)
	if err != nil {
		return nil, chordError("Join error: "+excRepr(err), err)
	}
	list, _ := reply.([]any)
	out := make([]any, 0, len(list))
	for _, e := range list {
		raw, _ := e.([]byte)
		v, err := b.decode(raw)
		if err != nil {
			return nil, chordError("Join error: "+excRepr(err), err)
		}
		tup, ok := v.([]any)
		if !ok || len(tup) != 4 {
			return nil, chordError("Join error: a part is "+pyrepr.Safe(v, 100), nil)
		}
		if state, _ := tup[2].(string); state == StateFailure || state == StateRevoked {
			cause := excFromObject(tup[3], "")
			id, _ := tup[1].(string)
			return nil, chordError("Dependency "+id+" raised "+excRepr(cause), cause)
		}
		out = append(out, tup[3])
	}
	return out, nil
}

// joinTree reads the results of a group with groups in it, in its shape.
func joinTree(ctx context.Context, b *redisBackend, r *AsyncResult) (any, error) {
	if r.group {
		out := make([]any, 0, len(r.Results))
		for _, m := range r.Results {
			v, err := joinTree(ctx, b, m)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}
	meta, err := b.wait(ctx, r.ID, nil)
	if err != nil {
		return nil, chordError("Join error: "+excRepr(err), err)
	}
	v, err := outcomeOf(meta)
	if err != nil {
		return nil, chordError("Dependency "+r.ID+" raised "+excRepr(err), err)
	}
	return v, nil
}

// failChord fails a chord's body: its errbacks are called, its result is the error, and what hangs on it fails too.
func (w *Worker) failChord(ctx context.Context, r *Request, body *Signature, err error) {
	w.log.errorf("Chord '%s' raised: %s", r.Group, excRepr(err))
	tb := lastLine(err)
	if body.kind == groupSig {
		cause := errors.Unwrap(err)
		if cause == nil {
			cause = err
		}
		w.failGroupBody(ctx, r, body, cause)
	} else {
		id := body.ID()
		if id == "" {
			id = uuid.NewString()
		}
		fake := &Request{ID: id, Name: body.Task, Type: body.Task, RootID: r.RootID, ParentID: r.ParentID, errbacks: maybeSigs(body.Options["link_error"]), worker: w, delivery: r.delivery, task: r.task}
		w.callErrbacks(ctx, r, fake, err, tb)
		w.storePlain(ctx, r, id, err, tb)
	}
	w.failChain(ctx, r, fields(body.Options).list("chain"), err, "")
}

// failGroupBody fails every task of a body that is a group.
func (w *Worker) failGroupBody(ctx context.Context, r *Request, body *Signature, err error) {
	c := body.clone().withApp(w.app)
	res := c.freeze(frozen{})
	shared := maybeSigs(body.Options["link_error"])
	for i, t := range c.tasks {
		id := res.Results[i].ID
		own := t.resultErrbacks()
		for _, e := range shared {
			if !slices.ContainsFunc(own, func(have any) bool { return sameSignature(have, e) }) {
				own = append(own, e)
			}
		}
		fake := &Request{ID: id, Name: t.Task, Type: t.Task, RootID: r.RootID, errbacks: own, worker: w, delivery: r.delivery, task: r.task}
		w.callErrbacks(ctx, r, fake, err, lastLine(err))
		w.storePlain(ctx, r, id, err, lastLine(err))
	}
	w.storePlain(ctx, r, res.ID, err, "")
}

// resultErrbacks are the errbacks that hang on a signature's result: of a chord also its body's, of a group also its
// members'.
func (s *Signature) resultErrbacks() []any {
	out := slices.Clone(maybeSigs(s.Options["link_error"]))
	if s.kind == chordSig && s.body != nil {
		return append(out, s.body.resultErrbacks()...)
	}
	if s.kind == groupSig {
		for _, t := range s.tasks {
			out = append(out, t.resultErrbacks()...)
		}
	}
	return out
}

// sameSignature reports whether two signatures travel as the same object.
func sameSignature(a, b any) bool { return reflect.DeepEqual(plain(a), plain(b)) }

// storePlain stores a failure for a task that no message here stands behind. Its children are those of the task that
// runs, as in Celery: the errbacks are among them.
func (w *Worker) storePlain(ctx context.Context, current *Request, id string, err error, tb string) {
	current.mu.Lock()
	r := &Request{ID: id, children: slices.Clone(current.children)}
	current.mu.Unlock()
	body := w.app.metaBody(r, outcome{state: StateFailure, err: err, traceback: tb})
	if perr := w.back.put(ctx, resultMeta{id: id, state: StateFailure, body: body}); perr != nil {
		w.log.errorf("Cannot store the failure of task %s: %v", id, perr)
	}
}
