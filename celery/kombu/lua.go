package kombu

// The scripts run on Redis 6.2 and newer and on miniredis. They take the time from the server. A held entry is the
// text "score|sequence|list"; a message belongs to a consumer as long as the consumer's held entry exists and
// its score is the one in the index. Comparison is by number, as servers print floats differently.

// claimScript takes messages from the lists and registers them as unacked, in one step.
//
//	KEYS[1] unacked  [2] unacked_index  [3] held of this consumer  [4] leases  [5] dead letters
//	KEYS[6...] lists, priority-major: for each step the list of each queue
//	ARGV[1] consumer id  [2] most messages  [3] most bytes  [4] most that the consumer may hold, 0 for no limit
//	ARGV[5] lease, s  [6] number of queues  [7] 1 to rotate the queue just served to the end
//	result  {time in us, 1 if the lists are empty, {tag, index of KEYS, element, ...}, {index of KEYS, reason, ...}}
//
// The sequence of the n-th message is the time in us followed by 99 + n in three digits: unique, and in the order in which the
// server has served.
//
// The first write is the lease: where writes are refused (memory, read-only replica) nothing has been taken yet. The reads before
// it do the same for keys of a wrong type. A single command can still be refused, to a user whose ACL rule lacks it: what was taken
// then goes back to where it was, and the refusal is the reply.
//
// Tag, exchange and routing key are found by pattern when the names occur once, which is nearly always; else by parsing.
// What has none of them goes to the dead letters as a line of JSON and the element. The end of a name is looked for, as most
// bytes of a message are not y but many are quotes.
//
// Small sorted sets and hashes are stored as one block that each access reads from its start, parsing every score. With
// dozens of messages that is most of the work, and one long member, at once removed, makes the server use its other form.
var claimScript = newScript("claim", `
redis.call('HLEN', KEYS[1])
redis.call('ZCARD', KEYS[2])
redis.call('LLEN', KEYS[5])
local most, room, limit = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local holds = redis.call('HLEN', KEYS[3])
if limit > 0 and most > limit - holds then most = limit - holds end
local t = redis.call('TIME')
local us = string.format('%06d', tonumber(t[2]))
local now = t[1] .. '.' .. us
us = t[1] .. us
redis.call('ZADD', KEYS[4], string.format('%.3f', tonumber(now) + tonumber(ARGV[5])), ARGV[1])

local find, match, sub = string.find, string.match, string.sub

local function after(raw, tail)
  local a, b = find(raw, tail, 1, true)
  if a and sub(raw, a - 8, a - 1) == '"deliver' and not find(raw, tail, b + 1, true) then return b + 1 end
end

local routes = {}

local function quick(raw)
  local at, di = after(raw, 'y_tag"'), after(raw, 'y_info"')
  if not at or not di then return end
  local tag = match(raw, '^%s*:%s*"([^"\\]+)"', at)
  local info = match(raw, '^%s*:%s*(%b{})', di)
  if not tag or not info then return end
  local route = routes[info]
  if route == nil then
    local ex = match(info, '"exchange"%s*:%s*("[^"\\]*")')
    local rk = match(info, '"routing_key"%s*:%s*("[^"\\]*")')
    route = ex and rk and not find(info, '{', 2, true) and ', ' .. ex .. ', ' .. rk .. ']'
    routes[info] = route
  end
  if route then return tag, route end
end

local function parse(raw)
  local ok, m = pcall(cjson.decode, raw)
  if not ok then return nil, 'not JSON' end
  if type(m) ~= 'table' then return nil, 'not a JSON object' end
  local p = m['properties']
  if type(p) ~= 'table' then return nil, 'no properties' end
  local tag = p['delivery_tag']
  if type(tag) == 'number' then tag = string.format('%.14g', tag) end
  if type(tag) ~= 'string' or tag == '' then return nil, 'no delivery_tag' end
  local d = p['delivery_info']
  if type(d) ~= 'table' then return nil, 'no delivery_info' end
  local ex, rk = d['exchange'], d['routing_key']
  if type(ex) ~= 'string' then ex = '' end
  if type(rk) ~= 'string' then return nil, 'no routing_key' end
  return tag, ', ' .. cjson.encode(ex) .. ', ' .. cjson.encode(rk) .. ']'
end

local nq = tonumber(ARGV[6])
local rotate = ARGV[7] == '1' and nq > 1
local steps = (#KEYS - 5) / nq
local order, drained = {}, {}
for q = 1, nq do order[q] = q end
local n = 0
local refused

local function failed(reply)
  if type(reply) == 'table' and reply.err then
    refused = reply.err
    return true
  end
end

local function back(list, raw)
  if failed(redis.pcall('RPUSH', list, raw)) then redis.pcall('LPUSH', list, raw) end
end

local function pop()
  local want = 1
  if not rotate then want = math.min(most - n, 32) end
  for s = 0, steps - 1 do
    for p = 1, nq do
      local k = 5 + s * nq + order[p]
      if not drained[k] then
        local got = redis.pcall('RPOP', KEYS[k], want)
        if type(got) == 'table' and got[1] then
          if #got < want then drained[k] = true end
          if rotate then table.insert(order, table.remove(order, p)) end
          return got, k
        end
        if type(got) == 'table' and got.err and sub(got.err, 1, 9) ~= 'WRONGTYPE' then refused = got.err end
        drained[k] = true
      end
    end
  end
end

local out, bad, bodies, scores, held, empty = {}, {}, {}, {}, {}, 0
local head = now .. '|' .. us
while n < most and room > 0 do
  local got, k = pop()
  if not got then
    empty = 1
    break
  end
  local tail = '|' .. KEYS[k]
  for i = 1, #got do
    local raw = got[i]
    if room <= 0 then
      for j = #got, i, -1 do back(KEYS[k], got[j]) end
      break
    end
    room = room - #raw
    local tag, route = quick(raw)
    if not tag then tag, route = parse(raw) end
    if tag then
      n = n + 1
      local a, b = 2 * n - 1, 2 * n
      out[a + n - 1], out[a + n], out[a + n + 1] = tag, k, raw
      bodies[a], bodies[b] = tag, '[' .. raw .. route
      scores[a], scores[b] = now, tag
      held[a], held[b] = tag, head .. (99 + n) .. tail
    elseif failed(redis.pcall('LPUSH', KEYS[5], '{"list":' .. cjson.encode(KEYS[k]) .. ',"reason":' .. cjson.encode(route) ..
        ',"time":' .. now .. '}\n' .. raw)) then
      room = 0
      for j = #got, i, -1 do back(KEYS[k], got[j]) end
      break
    else
      bad[#bad + 1] = k
      bad[#bad + 1] = route
    end
  end
end
local done = 0
local function register(cmd, ...)
  if failed(redis.pcall(cmd, ...)) then return false end
  done = done + 1
  return true
end
local ok = true
if n >= 8 then
  local long = string.rep('-', 65)
  ok = register('HSET', KEYS[1], unpack(bodies)) and register('ZADD', KEYS[2], now, long, unpack(scores))
    and register('HSET', KEYS[3], '-', long, unpack(held))
  redis.pcall('ZREM', KEYS[2], long)
  redis.pcall('HDEL', KEYS[3], '-')
elseif n > 0 then
  ok = register('HSET', KEYS[1], unpack(bodies)) and register('ZADD', KEYS[2], unpack(scores)) and register('HSET', KEYS[3], unpack(held))
end
if not ok then
  local why = refused
  for i = 3 * n, 3, -3 do
    if done > 0 then redis.pcall('HDEL', KEYS[1], out[i - 2]) end
    if done > 1 then redis.pcall('ZREM', KEYS[2], out[i - 2]) end
    back(KEYS[out[i - 1]], out[i])
  end
  return redis.error_reply(why)
end
if n == 0 and refused then return redis.error_reply(refused) end
return {us, empty, out, bad}
`, false)

// maxClaim is the most messages of one claim; it bounds what the scripts pass to unpack, and the sequence has room for 900.
const maxClaim = 500

// maxClaimBytes is the size after which a claim stops.
const maxClaimBytes = 16 << 20

// ackScript removes messages that are still held.
//
//	KEYS[1] unacked  [2] unacked_index  [3] held of this consumer
//	ARGV    tag, sequence, ...
//	result  {number of the message, from 0, ...}: those that were not ours any more
var ackScript = newScript("ack", `
local n, tags = #ARGV / 2, {}
for i = 1, n do tags[i] = ARGV[2 * i - 1] end
local held = redis.call('HMGET', KEYS[3], unpack(tags))
local scores = redis.call('ZMSCORE', KEYS[2], unpack(tags))
local lost, mine, ended = {}, {}, {}
for i = 1, n do
  local h, seq, ours = held[i], ARGV[2 * i] .. '|', false
  local bar = h and string.find(h, '|', 1, true)
  if bar and string.sub(h, bar + 1, bar + #seq) == seq then
    ended[#ended + 1] = tags[i]
    ours = scores[i] and tonumber(scores[i]) == tonumber(string.sub(h, 1, bar - 1))
  end
  if ours then
    mine[#mine + 1] = tags[i]
  else
    lost[#lost + 1] = i - 1
  end
end
if #mine > 0 then
  redis.call('ZREM', KEYS[2], unpack(mine))
  redis.call('HDEL', KEYS[1], unpack(mine))
end
if #ended > 0 then redis.call('HDEL', KEYS[3], unpack(ended)) end
return lost
`, false)

// renewScript sets the score of held messages to now and prolongs the lease.
//
//	KEYS[1] unacked_index  [2] held of this consumer  [3] leases
//	ARGV[1] consumer id  [2] lease, s  then tag, sequence, ...
//	result  {number of messages that the server has registered for us, then tags that are not ours any more}
var renewScript = newScript("renew", `
local t = redis.call('TIME')
local now = t[1] .. '.' .. string.format('%06d', tonumber(t[2]))
redis.call('ZADD', KEYS[3], string.format('%.3f', tonumber(now) + tonumber(ARGV[2])), ARGV[1])
local lost = {}
for i = 3, #ARGV, 2 do
  local tag, h = ARGV[i], redis.call('HGET', KEYS[2], ARGV[i])
  local score, rest
  if h then score, rest = string.match(h, '^([^|]*)(|.*)$') end
  local s = score and string.match(rest, '^|([^|]*)|') == ARGV[i + 1] and redis.call('ZSCORE', KEYS[1], tag)
  if s and tonumber(s) == tonumber(score) then
    redis.call('ZADD', KEYS[1], 'XX', now, tag)
    redis.call('HSET', KEYS[2], tag, now .. rest)
  else
    lost[#lost + 1] = tag
    if h and string.match(rest, '^|([^|]*)|') == ARGV[i + 1] then redis.call('HDEL', KEYS[2], tag) end
  end
end
table.insert(lost, 1, redis.call('HLEN', KEYS[2]))
return lost
`, true)

// restoreScript gives messages that a consumer holds back to lists.
//
//	KEYS[1] unacked  [2] unacked_index  [3] held of the consumer  [4] leases  [5...] lists
//	ARGV[1] id of a consumer whose lease must have run out, or ''
//	ARGV    then tag, sequence, index of KEYS, RPUSH (served next) or LPUSH (served last),
//	        element ('' pushes nothing), ...
//	result  {1 or 0 per message}: whether it was still the consumer's; or -1: the lease has not run out
var restoreScript = newScript("restore", `
if ARGV[1] ~= '' then
  local t = redis.call('TIME')
  local lease = redis.call('ZSCORE', KEYS[4], ARGV[1])
  if not lease or tonumber(lease) >= tonumber(t[1]) + tonumber(t[2]) / 1000000 then return -1 end
end
local ok = {}
for i = 2, #ARGV, 5 do
  local tag, h = ARGV[i], redis.call('HGET', KEYS[3], ARGV[i])
  local score, seq, mine
  if h then score, seq = string.match(h, '^([^|]*)|([^|]*)|') end
  mine = 0
  if seq == ARGV[i + 1] then
    local s = redis.call('ZSCORE', KEYS[2], tag)
    if s and tonumber(s) == tonumber(score) then
      mine = 1
      if ARGV[i + 4] ~= '' then redis.call(ARGV[i + 3], KEYS[tonumber(ARGV[i + 2])], ARGV[i + 4]) end
      redis.call('ZREM', KEYS[2], tag)
      redis.call('HDEL', KEYS[1], tag)
    end
    redis.call('HDEL', KEYS[3], tag)
  end
  ok[#ok + 1] = mine
end
return ok
`, false)

// sweepScript restores one message whose visibility timeout has passed, whoever held it.
//
//	KEYS[1] unacked  [2] unacked_index  [3...] lists to push to, or the dead letters
//	ARGV[1] tag  [2] score at which it was seen  [3] element, '' if the hash had none
//	result  1 if it was restored, 0 if it has changed hands meanwhile
var sweepScript = newScript("sweep", `
local s = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not s or tonumber(s) ~= tonumber(ARGV[2]) then return 0 end
if ARGV[3] ~= '' then
  for k = 3, #KEYS do redis.call('RPUSH', KEYS[k], ARGV[3]) end
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
`, true)

// buryScript moves a held message to the dead letters.
//
//	KEYS[1] unacked  [2] unacked_index  [3] held of this consumer  [4] dead letters
//	ARGV[1] tag  [2] sequence  [3] list as a JSON string  [4] reason as a JSON string  [5] element
//	result  1 if it was ours, else 0
var buryScript = newScript("bury", `
local h = redis.call('HGET', KEYS[3], ARGV[1])
local score, seq
if h then score, seq = string.match(h, '^([^|]*)|([^|]*)|') end
if seq ~= ARGV[2] then return 0 end
local s = redis.call('ZSCORE', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
if not s or tonumber(s) ~= tonumber(score) then return 0 end
redis.call('LPUSH', KEYS[4], '{"list":' .. ARGV[3] .. ',"reason":' .. ARGV[4] .. ',"time":' .. redis.call('TIME')[1] ..
  '}\n' .. ARGV[5])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
`, true)

// expiredScript lists the consumers whose lease has run out.
//
//	KEYS[1] leases
//	result  {id, lease, ...}
var expiredScript = newScript("expired", `
local t = redis.call('TIME')
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', t[1] .. '.' .. string.format('%06d', tonumber(t[2])), 'WITHSCORES')
`, true)

// forgetScript drops the lease of a consumer that holds nothing.
//
//	KEYS[1] held of the consumer  [2] leases
//	ARGV[1] consumer id  [2] 1: only if the lease has run out
//	result  1 if dropped, 0 if it still holds something or has come back
var forgetScript = newScript("forget", `
if redis.call('HLEN', KEYS[1]) > 0 then return 0 end
if ARGV[2] == '1' then
  local t = redis.call('TIME')
  local lease = redis.call('ZSCORE', KEYS[2], ARGV[1])
  if not lease or tonumber(lease) >= tonumber(t[1]) + tonumber(t[2]) / 1000000 then return 0 end
end
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
`, true)

// unlockScript releases the sweep's lock as redis-py does: only with the token that took it.
//
//	KEYS[1] unacked_mutex  ARGV[1] token  result 1 if released
var unlockScript = newScript("unlock", `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`, true)

// bindScript adds a binding of an expiring queue and raises its table's deadline.
//
//	KEYS[1] binding table  [2] binding deadlines
//	ARGV[1] member  [2] exchange  [3] ms that the table lives from now on
var bindScript = newScript("bind", `
redis.call('SADD', KEYS[1], ARGV[1])
local t = redis.call('TIME')
local until_ = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000) + tonumber(ARGV[3])
local had = redis.call('ZSCORE', KEYS[2], ARGV[2])
if not had or tonumber(had) < until_ then redis.call('ZADD', KEYS[2], string.format('%.0f', until_), ARGV[2]) end
return 1
`, true)

// resultScript stores a task's meta and publishes it, unless the stored one is a success. A compressed meta can't
// be looked into and counts as none, as for Celery before 5.7.
//
//	KEYS[1] meta key, also the channel
//	ARGV[1] meta  [2] time to live in s, 0 for ever
//	result  -1 if not stored, else how many clients were listening
var resultScript = newScript("result", `
local old = redis.call('GET', KEYS[1])
if old and string.find(old, '^%s*{') then
  local status = string.match(old, '^%s*{%s*"status"%s*:%s*"(%u+)"')
  if not status then
    local ok, meta = pcall(cjson.decode, old)
    if ok and type(meta) == 'table' then status = meta['status'] end
  end
  if status == 'SUCCESS' then return -1 end
end
if tonumber(ARGV[2]) > 0 then
  redis.call('SETEX', KEYS[1], ARGV[2], ARGV[1])
else
  redis.call('SET', KEYS[1], ARGV[1])
end
return redis.call('PUBLISH', KEYS[1], ARGV[1])
`, true)
