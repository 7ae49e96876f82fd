package celery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"healpipe/celery/internal/pyrepr"
	"healpipe/celery/kombu"
)

// sender lays out the messages of one call and sends them in one go: what belongs together in Redis first (the sizes
// of chords), then all messages in order.
type sender struct {
	app    *App
	parent *Request // the task that calls, or nil
	byName bool     // the call is SendTask's, which leaves ignore_result to the worker
	out    []kombu.Publication
	sent   [][]field // task-sent events
	before []func(ctx context.Context, b *redisBackend) error
	trail  []*AsyncResult
}

// send runs a layout and sends it. Within a task it uses the worker's connection and records the children.
func (a *App) send(ctx context.Context, layout func(*sender) (*AsyncResult, error)) (*AsyncResult, error) {
	snd := &sender{app: a, parent: CurrentRequest(ctx)}
	res, err := layout(snd)
	if err != nil {
		return nil, err
	}
	return res, snd.flush(ctx)
}

// flush sends what has been laid out.
func (snd *sender) flush(ctx context.Context) error {
	a := snd.app
	var conn *kombu.Connection
	var back backend
	var err error
	if snd.parent != nil && snd.parent.worker != nil && !snd.parent.eager {
		conn, back = snd.parent.worker.conn, snd.parent.worker.back
		ctx = snd.parent.worker.sendContext(ctx)
	} else if conn, err = a.connection(ctx); err != nil {
		return err
	}
	if len(snd.before) > 0 {
		if back == nil {
			if back, err = a.backend(ctx); err != nil {
				return err
			}
		}
		rb, ok := back.(*redisBackend)
		if !ok {
			return fmt.Errorf("%w: chords need the Redis result backend", ErrNoBackend)
		}
		for _, f := range snd.before {
			if err := f(ctx, rb); err != nil {
				return err
			}
		}
	}
	if len(snd.out) > 0 {
		if err := publishAll(ctx, conn, snd.out); err != nil {
			return err
		}
	}
	if snd.parent != nil {
		snd.parent.addTrail(snd.trail)
	}
	for _, ev := range snd.sent {
		if err := a.publishSent(ctx, conn, ev); err != nil {
			return err
		}
	}
	return nil
}

// publishAll sends a batch. After an uncertain outcome it is sent again: delivery is at least once.
func publishAll(ctx context.Context, conn *kombu.Connection, batch []kombu.Publication) error {
	for {
		err := conn.PublishBatch(ctx, batch)
		if !errors.Is(err, kombu.ErrUncertain) || ctx.Err() != nil {
			return err
		}
	}
}

// addTrail records results as children of the task.
func (r *Request) addTrail(results []*AsyncResult) {
	if len(results) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, res := range results {
		r.children = append(r.children, res.resultTuple())
	}
}

// apply lays out a call of a signature, which it may change: callers pass a copy.
func (snd *sender) apply(s *Signature, args []any, kwargs, options map[string]any) (*AsyncResult, error) {
	s.withApp(snd.app)
	for k, v := range options {
		if v == nil {
			delete(options, k)
		}
	}
	switch s.kind {
	case chainSig:
		return snd.applyChain(s, args, kwargs, options)
	case groupSig:
		return snd.applyGroup(s, args, kwargs, options)
	case chordSig:
		return snd.applyChord(s, args, kwargs, options)
	case chunksSig:
		task, err := snd.app.toSignature(s.Kwargs["task"])
		if err != nil {
			return nil, err
		}
		n, _ := toInt(s.Kwargs["n"])
		return snd.applyGroup(Chunks(task, maybeList(s.Kwargs["it"]), int(n)), args, kwargs, options)
	}
	a, kw, o := s.merge(args, kwargs, options)
	if s.received && (len(args) == 0 || s.Immutable) {
		o = withListRepr(o, a)
	}
	return snd.task(s.Task, a, kw, o)
}

// applyChain sends a chain's first step, with the others in its message.
func (snd *sender) applyChain(s *Signature, args []any, kwargs, options map[string]any) (*AsyncResult, error) {
	if len(s.tasks) == 0 {
		return nil, errors.New("celery: the chain is empty")
	}
	o := cloneMap(s.Options)
	maps.Copy(o, options)
	f := fields(o)
	fz := frozen{id: f.str("task_id"), groupID: f.str("group_id"), rootID: f.str("root_id"), parentID: f.str("parent_id")}
	if i, ok := toInt(o["group_index"]); ok {
		fz.index = &i
	}
	if c := o["chord"]; c != nil {
		body, err := snd.app.toSignature(c)
		if err != nil {
			return nil, err
		}
		fz.chord = body
	}
	link, linkError := maybeSigs(o["link"]), maybeSigs(o["link_error"])
	for _, k := range []string{"task_id", "group_id", "root_id", "parent_id", "group_index", "chord", "link", "link_error"} {
		delete(o, k)
	}
	if s.Immutable {
		args = nil
	}
	steps, results := s.prepareSteps(append(slices.Clone(args), s.Args...), kwargs, fz, linkError, true)
	if len(results) == 0 {
		return nil, errors.New("celery: the chain is empty")
	}
	for _, l := range link {
		if sig, err := snd.app.toSignature(l); err == nil {
			steps[0].Link(sig)
		}
	}
	first, rest := steps[len(steps)-1], steps[:len(steps)-1]
	chain := slices.Clone(fields(o).list("chain"))
	o["chain"] = append(chain, sigList(rest)...)
	if fz.rootID != "" {
		o["root_id"] = fz.rootID
	}
	if fz.parentID != "" {
		o["parent_id"] = fz.parentID
	}
	res, err := snd.apply(first, nil, nil, o)
	if err != nil {
		return nil, err
	}
	if len(rest) == 0 {
		return res, nil
	}
	return results[0], nil
}

// applyGroup sends a group's members. If they are the header of a chord its size goes first.
func (snd *sender) applyGroup(s *Signature, args []any, kwargs, options map[string]any) (*AsyncResult, error) {
	if options["link"] != nil || options["link_error"] != nil {
		return nil, errors.New("celery: a group takes no callbacks: use a chord, or link its members")
	}
	if len(s.tasks) == 0 {
		return s.freeze(frozen{}), nil
	}
	_, _, o := s.merge(nil, nil, options)
	gid, _ := o["task_id"].(string)
	if gid == "" {
		gid = uuid.NewString()
	}
	addToParent, isBool := o["add_to_parent"].(bool)
	addToParent = addToParent || !isBool
	chord := o["chord"]
	for _, k := range []string{"task_id", "chord", "group_index"} {
		delete(o, k)
	}
	// Callbacks set as options of the group take the place of its members' own.
	o["group_id"], o["add_to_parent"] = gid, false
	res := snd.app.groupResult(gid)
	size := 0
	var members []*Signature
	for i, t := range flatten(s.tasks) {
		if len(args) > 0 && !t.Immutable {
			t.Args, t.received = append(slices.Clone(args), t.Args...), false
		}
		index := int64(i)
		res.Results = append(res.Results, t.withApp(snd.app).freeze(frozen{groupID: gid, rootID: fields(o).str("root_id"), index: &index}))
		size += t.leaves()
		members = append(members, t)
	}
	last := chord
	if n := len(members); last == nil && n > 0 {
		last = members[n-1].Options["chord"]
	}
	if last != nil {
		snd.before = append(snd.before, func(ctx context.Context, b *redisBackend) error { return b.setChordSize(ctx, gid, size) })
	}
	for _, t := range members {
		opts := maps.Clone(o)
		if opts["chord"] = chord; chord == nil {
			opts["chord"] = t.Options["chord"]
		}
		if _, err := snd.apply(t, nil, kwargs, opts); err != nil {
			return nil, err
		}
	}
	if len(res.Results) == 1 && res.Results[0].group {
		res = res.Results[0]
	}
	if addToParent {
		snd.trail = append(snd.trail, res)
	}
	return res, nil
}

// applyChord sends a chord's header; each of its tasks carries the body. The options of the call go to the body.
func (snd *sender) applyChord(s *Signature, args []any, kwargs, options map[string]any) (*AsyncResult, error) {
	if s.body == nil {
		return nil, errors.New("celery: the chord has no body")
	}
	if s.Immutable {
		args = s.Args
	} else {
		args = append(slices.Clone(args), s.Args...)
	}
	o := cloneMap(s.Options)
	maps.Copy(o, options)
	gid := fields(s.Options).str("task_id") // the header's
	if gid == "" {
		gid = uuid.NewString()
	}
	bodyID := fields(o).str("task_id") // counts only for a body without an id of its own
	delay := map[string]any{}
	for _, k := range []string{"countdown", "eta"} {
		if v := o[k]; v != nil {
			delay[k] = v
		}
		delete(o, k)
	}
	link, linkError := maybeSigs(o["link"]), maybeSigs(o["link_error"])
	for _, k := range []string{"task_id", "link", "link_error"} {
		delete(o, k)
	}
	body := s.body.withApp(snd.app)
	for k, v := range o {
		if k == "parent_id" {
			continue // the header task that fires the body is its parent
		}
		if _, has := body.Options[k]; has && body.immutableOption(k) {
			continue
		}
		body.Options[k] = v
	}
	body, err := snd.bodyCallbacks(body, link, linkError)
	if err != nil {
		return nil, err
	}
	if body.kind == chainSig {
		body.unrollChords()
	}
	rootID := fields(body.Options).str("root_id")
	bodyRes := body.freeze(frozen{id: bodyID, groupID: gid, rootID: rootID})
	body.stripHeaderLinks()

	header := s.header(gid)
	headerRes := header.freeze(frozen{groupID: gid, chord: body, rootID: rootID})
	for _, k := range []string{"chain", "chord"} {
		delete(o, k)
	}
	if len(header.tasks) == 0 {
		_, err := snd.apply(body.copy(), []any{[]any{}}, nil, map[string]any{})
		bodyRes.Parent = headerRes
		return bodyRes, err
	}
	if slices.ContainsFunc(headerRes.Results, func(r *AsyncResult) bool { return r.group }) {
		snd.before = append(snd.before, func(ctx context.Context, b *redisBackend) error { return b.saveGroup(ctx, headerRes) })
	}
	maps.Copy(o, delay)
	o["task_id"] = gid
	kw := cloneMap(kwargs)
	if own, ok := asMap(s.Kwargs["kwargs"]); ok {
		merged := cloneMap(own)
		maps.Copy(merged, kw)
		kw = merged
	}
	if _, err := snd.applyGroup(header, args, kw, o); err != nil {
		return nil, err
	}
	bodyRes.Parent = headerRes
	return bodyRes, nil
}

// bodyCallbacks moves callbacks of a chord to where they belong: its body, or each task of a body that is a group.
func (snd *sender) bodyCallbacks(body *Signature, link, linkError []any) (*Signature, error) {
	for _, l := range link {
		sig, err := snd.app.toSignature(l)
		if err != nil {
			return nil, err
		}
		body.Link(sig.clone())
	}
	for _, l := range linkError {
		sig, err := snd.app.toSignature(l)
		if err != nil {
			return nil, err
		}
		if body.kind == groupSig {
			body.linkBodyError(sig, true)
		} else {
			body.appendOption("link_error", sig)
		}
	}
	return body, nil
}

// linkBodyError links an errback to each task that the body of a chord stands for: to the members of a group, to the
// body of a chord. A group that runs as one and has errbacks of its own gets it among these, since they take the place
// of its members'.
func (s *Signature) linkBodyError(errback *Signature, runsAsGroup bool) {
	switch {
	case s.kind == groupSig && runsAsGroup && s.Options["link_error"] != nil:
		s.appendOption("link_error", errback.clone())
	case s.kind == groupSig:
		for _, t := range s.tasks {
			t.linkBodyError(errback, false)
		}
	case s.kind == chordSig && s.body != nil:
		s.body.linkBodyError(errback, true)
	default:
		s.LinkError(errback.clone())
	}
}

// withListRepr has arguments that are a list in Python shown as one; those of other calls are a tuple there.
func withListRepr(o map[string]any, args []any) map[string]any {
	if len(args) > 0 && o["argsrepr"] == nil {
		o["argsrepr"] = pyrepr.Safe(args, pyrepr.MaxLen)
	}
	return o
}

// SendTask calls a task by name, registered here or not. It always sends, whatever Config.TaskAlwaysEager says, as
// Python's.
func (a *App) SendTask(ctx context.Context, name string, args []any, kwargs map[string]any, o Options) (*AsyncResult, error) {
	return a.send(ctx, func(snd *sender) (*AsyncResult, error) {
		snd.byName = true
		return snd.task(name, args, kwargs, withListRepr(o.toMap(), args))
	})
}

// Delay calls the task.
func (t *Task) Delay(ctx context.Context, args ...any) (*AsyncResult, error) {
	if t.app.conf.TaskAlwaysEager {
		return t.Apply(ctx, args, nil, Options{})
	}
	return t.app.send(ctx, func(snd *sender) (*AsyncResult, error) { return snd.task(t.Name, args, nil, map[string]any{}) })
}

// ApplyAsync calls the task with keyword arguments and options.
func (t *Task) ApplyAsync(ctx context.Context, args []any, kwargs map[string]any, o Options) (*AsyncResult, error) {
	if t.app.conf.TaskAlwaysEager {
		return t.Apply(ctx, args, kwargs, o)
	}
	return t.app.send(ctx, func(snd *sender) (*AsyncResult, error) {
		return snd.task(t.Name, args, kwargs, withListRepr(o.toMap(), args))
	})
}

// sendContext is for messages that a task sends: they go out even if the task's own context has just ended, as long as
// the worker has not stopped.
func (w *Worker) sendContext(ctx context.Context) context.Context {
	if ctx.Err() != nil {
		return w.io
	}
	return ctx
}
