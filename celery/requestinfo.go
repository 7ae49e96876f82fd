package celery

import (
	"maps"
	"time"
)

// What a task may ask of its request beyond the exported fields, as Python's self.request has it.

// Priority returns the message's priority, 0 (served first) to 9: delivery_info["priority"] in Python.
func (r *Request) Priority() int {
	if r.delivery == nil {
		return 0
	}
	return r.delivery.Message.Properties.Priority
}

// DeliveryInfo returns delivery_info: exchange, routing_key, priority and redelivered.
func (r *Request) DeliveryInfo() map[string]any { return r.deliveryInfo() }

// Properties returns the message's properties under Kombu's names: correlation_id, reply_to, delivery_mode,
// delivery_info, priority, body_encoding, delivery_tag, and what else the producer has set (app_id).
func (r *Request) Properties() map[string]any {
	p := &r.delivery.Message.Properties
	out := map[string]any{
		"correlation_id": p.CorrelationID, "reply_to": p.ReplyTo, "delivery_mode": p.DeliveryMode,
		"delivery_info": map[string]any{"exchange": p.DeliveryInfo.Exchange, "routing_key": p.DeliveryInfo.RoutingKey},
		"priority":      p.Priority, "body_encoding": p.BodyEncoding, "delivery_tag": p.DeliveryTag,
	}
	maps.Copy(out, p.Extra)
	return out
}

// UserHeaders returns a copy of the application's own headers, those that a retry keeps; nil for none.
func (r *Request) UserHeaders() map[string]any { return maps.Clone(r.userHeaders()) }

// TimeLimits returns the time limits in force: the message's, else the task's; 0 for none.
func (r *Request) TimeLimits() (hard, soft time.Duration) {
	hard, soft = r.task.limits()
	if r.hard != 0 {
		hard = r.hard
	}
	if r.soft != 0 {
		soft = r.soft
	}
	return hard, soft
}

// ReplacedTaskNesting returns how many tasks have been replaced on the way to this one.
func (r *Request) ReplacedTaskNesting() int { return r.nesting }

// SignatureFrom makes a signature of a value that travels as one: a task's argument or result that Python sent. The
// error says what it lacks.
func (a *App) SignatureFrom(v any) (*Signature, error) { return a.toSignature(v) }
