package celery

import "context"

// Replace puts another signature in the task's place: it takes over id, callbacks, chord and the rest of the chain.
// The task must return what Replace returns.
func (r *Request) Replace(ctx context.Context, sig *Signature) error {
	if sig.Options["chord"] != nil {
		return improperlyConfigured("A signature replacing a task must not be part of a chord")
	}
	if sig.kind == chainSig && len(sig.tasks) == 0 {
		return improperlyConfigured("Cannot replace with an empty chain")
	}
	app := r.worker.app
	sig = sig.copy().withApp(app)
	pick := func(s *Signature) *Signature { // a group becomes a chord that returns the list of its results
		body := app.Signature("celery.accumulate")
		body.Kwargs["index"] = 0
		return s.Or(body)
	}
	if sig.kind == groupSig {
		sig = pick(sig)
	}
	if sig.kind == chainSig && sig.tasks[len(sig.tasks)-1].kind == groupSig {
		sig.tasks[len(sig.tasks)-1] = pick(sig.tasks[len(sig.tasks)-1])
	}
	for _, c := range r.callbacks {
		cb, err := app.toSignature(c)
		if err != nil {
			return err
		}
		sig.Link(cb)
	}
	for _, e := range r.errbacks {
		eb, err := app.toSignature(e)
		if err != nil {
			return err
		}
		sig.LinkError(eb)
	}
	if sig.kind == chainSig && sig.Options["link"] != nil {
		for _, l := range maybeSigs(sig.Options["link"]) {
			cb, err := app.toSignature(l)
			if err != nil {
				return err
			}
			sig.tasks[len(sig.tasks)-1].appendOption("link", cb)
		}
		delete(sig.Options, "link")
	}
	sig.freeze(frozen{id: r.ID})
	nesting := r.nesting + 1
	if r.chord != nil {
		sig.Options["chord"] = r.chord
	}
	sig.Options["group_id"] = orNil(r.Group) // none, rather than that of the header of a chord that takes its place
	if r.GroupIndex != nil {
		sig.Options["group_index"] = *r.GroupIndex
	}
	sig.Options["root_id"] = r.root()
	sig.Options["replaced_task_nesting"] = nesting
	if sig.kind == chainSig {
		for _, t := range sig.tasks {
			t.Options["replaced_task_nesting"] = nesting
		}
	}
	for i := len(r.chain) - 1; i >= 0; i-- {
		step, err := app.toSignature(r.chain[i])
		if err != nil {
			return err
		}
		step = step.clone()
		step.Options["replaced_task_nesting"] = nesting
		sig = sig.Or(step)
	}
	if r.eager {
		res, err := app.applySig(requestContext(ctx, r), sig, nil, nil, map[string]any{})
		if err != nil {
			return &eagerReplaced{err: err}
		}
		v, err := res.Get(ctx)
		return &eagerReplaced{value: v, err: err}
	}
	if _, err := sig.ApplyAsync(requestContext(ctx, r), nil, nil, Options{}); err != nil {
		return err
	}
	return Ignore
}

func improperlyConfigured(text string) error {
	return &Error{Class: "ImproperlyConfigured", Module: "celery.exceptions", Args: []any{text}}
}

// AddToChord sends a signature as a further part of the chord that the task belongs to.
func (r *Request) AddToChord(ctx context.Context, sig *Signature) (*AsyncResult, error) {
	if r.chord == nil {
		return nil, Errorf("ValueError", "Current task is not member of any chord")
	}
	b, ok := r.worker.back.(*redisBackend)
	if !ok {
		return nil, ErrNoBackend
	}
	sig = sig.copy().withApp(r.worker.app)
	sig.Options["chord"], sig.Options["root_id"] = r.chord, r.root()
	setIf(sig.Options, "group_id", r.Group)
	if r.GroupIndex != nil {
		sig.Options["group_index"] = *r.GroupIndex
	}
	sig.freeze(frozen{})
	if err := b.addToChord(ctx, r.Group); err != nil {
		return nil, err
	}
	return sig.ApplyAsync(requestContext(ctx, r), nil, nil, Options{})
}
