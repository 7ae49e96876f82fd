package celery

import (
	"time"

	"healpipe/celery/kombu"
)

// parked is a task that waits for its time. Of its message only the envelope as received is kept, once; everything
// decoded from it is let go and decoded again when it is due or asked for.
type parked struct {
	at       time.Time
	seq      uint64 // keeps equal times in the order of arrival
	id       string
	delivery *kombu.Delivery
}

// park makes a request a waiting task. The correlation id stays: the transport names it when it loses the message.
func park(r *Request) *parked {
	m := r.delivery.Message
	id := r.ID
	if m.Properties.CorrelationID == id {
		id = m.Properties.CorrelationID // one copy of the text
	}
	m.Body, m.Headers, m.Extra, m.ContentType, m.ContentEncoding = nil, nil, nil, "", ""
	p := &m.Properties
	p.ReplyTo, p.BodyEncoding, p.DeliveryTag, p.DeliveryInfo, p.Extra = "", "", "", kombu.DeliveryInfo{}, nil
	return &parked{at: r.ETA, id: id, delivery: r.delivery}
}

// request decodes the message again, as a request for looking at: its delivery is not the transport's.
func (p *parked) request(a *App) (*Request, error) {
	m, err := kombu.ParseMessage(p.delivery.Message.Raw())
	if err != nil {
		return &Request{ID: p.id, delivery: &kombu.Delivery{Message: p.delivery.Message}}, err
	}
	r, err := a.parseMessage(&kombu.Delivery{Message: m, Queue: p.delivery.Queue, Tag: p.delivery.Tag})
	r.phase = scheduled
	return r, err
}

// unpark decodes the message again for running it.
func (p *parked) unpark(a *App) (*Request, error) {
	r, err := p.request(a)
	from, to := r.delivery.Message, p.delivery.Message
	to.Body, to.Headers, to.Extra, to.ContentType, to.ContentEncoding = from.Body, from.Headers, from.Extra, from.ContentType, from.ContentEncoding
	f, t := &from.Properties, &to.Properties
	t.ReplyTo, t.BodyEncoding, t.DeliveryTag, t.DeliveryInfo, t.Extra = f.ReplyTo, f.BodyEncoding, f.DeliveryTag, f.DeliveryInfo, f.Extra
	r.delivery = p.delivery
	return r, err
}
