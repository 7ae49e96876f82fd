package celery

import "sync"

// pool runs requests in goroutines, a fixed number at a time, in the order they came. A goroutine whose task was given
// up (hard time limit, terminate) is replaced at once and ends when its task returns.
type pool struct {
	run func(*Request) bool // runs one request; false if its slot has been given away by abandon

	mu     sync.Mutex
	cond   *sync.Cond
	queue  []*Request
	head   int
	asleep int  // slots that wait for a request
	waking bool // one of them has been told
	want   int  // slots that there should be
	slots  int  // goroutines that belong to the pool
	busy   int
	stray  int           // goroutines of given-up tasks that have not returned
	idle   chan struct{} // closed when the last task ends; nil while nobody waits
	empty  chan struct{} // closed when the last task has returned, given-up ones too; nil while nobody waits
}

func newPool(n int, run func(*Request) bool) *pool {
	p := &pool{run: run}
	p.cond = sync.NewCond(&p.mu)
	p.resize(n)
	return p
}

// submit queues a request for the next free slot.
func (p *pool) submit(r *Request) {
	p.mu.Lock()
	p.queue = append(p.queue, r)
	p.rouse()
	p.mu.Unlock()
}

// rouse wakes one slot if requests wait. That one wakes the next when it has taken a request, so that short tasks are run by
// those slots that are awake, without a change of goroutine for each. p.mu is held.
func (p *pool) rouse() {
	if p.head < len(p.queue) && p.asleep > 0 && !p.waking {
		p.waking = true
		p.cond.Signal()
	}
}

// resize sets the number of slots; shrinking waits for tasks to end, it does not stop them.
func (p *pool) resize(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.want = max(0, n)
	for p.slots < p.want {
		p.slots++
		go p.slot()
	}
	p.cond.Broadcast()
}

func (p *pool) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.want
}

// load returns how many requests have no slot yet, and how many run.
func (p *pool) load() (queued, busy int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue) - p.head, p.busy
}

// slot is one of the pool's goroutines.
func (p *pool) slot() {
	p.mu.Lock()
	for {
		for p.head == len(p.queue) && p.slots <= p.want {
			p.asleep++
			p.cond.Wait()
			p.asleep--
			p.waking = false
		}
		if p.slots > p.want {
			p.slots--
			p.mu.Unlock()
			return
		}
		r := p.queue[p.head]
		p.queue[p.head] = nil
		p.head++
		if p.head == len(p.queue) {
			p.queue, p.head = p.queue[:0], 0
		} else if p.head > 1024 && p.head*2 > len(p.queue) {
			p.queue = append(p.queue[:0], p.queue[p.head:]...)
			p.head = 0
		}
		p.busy++
		p.rouse()
		p.mu.Unlock()
		kept := p.run(r)
		p.mu.Lock()
		if !kept {
			p.stray--
			p.tell()
			p.mu.Unlock()
			return
		}
		p.busy--
		p.tell()
	}
}

// abandon gives the slot of a task that does not end to a new goroutine; run then returns false for it.
func (p *pool) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	go p.slot()
	p.busy--
	p.stray++
	p.tell()
}

// tell wakes those who wait for tasks to end.
func (p *pool) tell() {
	if p.busy == 0 && p.idle != nil {
		close(p.idle)
		p.idle = nil
	}
	if p.busy == 0 && p.stray == 0 && p.empty != nil {
		close(p.empty)
		p.empty = nil
	}
}

// takeQueued removes the requests that have no slot yet.
func (p *pool) takeQueued() []*Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := append([]*Request(nil), p.queue[p.head:]...)
	p.queue, p.head = nil, 0
	return out
}

// wait returns a channel that is closed once no task holds a slot.
func (p *pool) wait() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle == nil {
		p.idle = make(chan struct{})
	}
	ch := p.idle
	p.tell()
	return ch
}

// waitAll returns a channel that is closed once no task runs, given-up ones included.
func (p *pool) waitAll() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.empty == nil {
		p.empty = make(chan struct{})
	}
	ch := p.empty
	p.tell()
	return ch
}
