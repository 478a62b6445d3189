"""What happens within Redis at once, so that a process that is killed leaves nothing half done.

Each script works on the same keys: the queue (Kombu's list), and beside it ``delayed`` (by due
time), ``held`` (envelopes by token), ``leases`` (tokens by the end of their lease) and
``redelivered`` (how often a consumer died over an envelope, by its digest).
"""

from typing import Final

_NOW: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local queue, delayed, held, leases, redelivered = unpack(KEYS)
"""

#: ARGV: how many, seconds of the lease, prefix of the tokens.
#: Returns token, redeliveries (-1: none) and envelope of each message in turn.
TAKE: Final = (
    _NOW
    + """
local due = redis.call('ZRANGE', delayed, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1000)
for _, envelope in ipairs(due) do
    redis.call('ZREM', delayed, envelope)
    redis.call('LPUSH', queue, envelope)
end
local over = redis.call('ZRANGE', leases, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1000)
for _, token in ipairs(over) do
    local envelope = redis.call('HGET', held, token)
    if envelope then
        redis.call('RPUSH', queue, envelope)
        redis.call('HINCRBY', redelivered, redis.sha1hex(envelope), 1)
    end
    redis.call('HDEL', held, token)
    redis.call('ZREM', leases, token)
end
local taken = {}
for number = 1, tonumber(ARGV[1]) do
    local envelope = redis.call('RPOP', queue)
    if not envelope then break end
    local token = ARGV[3] .. number
    redis.call('HSET', held, token, envelope)
    redis.call('ZADD', leases, now + tonumber(ARGV[2]), token)
    table.insert(taken, token)
    table.insert(taken, redis.call('HGET', redelivered, redis.sha1hex(envelope)) or '-1')
    table.insert(taken, envelope)
end
return taken
"""
)

#: ARGV: tokens.
REMOVE: Final = (
    _NOW
    + """
for _, token in ipairs(ARGV) do
    local envelope = redis.call('HGET', held, token)
    if envelope then redis.call('HDEL', redelivered, redis.sha1hex(envelope)) end
    redis.call('HDEL', held, token)
    redis.call('ZREM', leases, token)
end
"""
)

#: ARGV: tokens, the one that goes to the very head last.
GIVE_BACK: Final = (
    _NOW
    + """
for _, token in ipairs(ARGV) do
    local envelope = redis.call('HGET', held, token)
    if envelope then
        redis.call('RPUSH', queue, envelope)
        redis.call('HSETNX', redelivered, redis.sha1hex(envelope), 0)
    end
    redis.call('HDEL', held, token)
    redis.call('ZREM', leases, token)
end
"""
)

#: ARGV: seconds, tokens.
RENEW: Final = (
    _NOW
    + """
for number = 2, #ARGV do
    redis.call('ZADD', leases, 'XX', now + tonumber(ARGV[1]), ARGV[number])
end
"""
)

#: ARGV: seconds, envelope.
PUT_LATER: Final = (
    _NOW
    + """
redis.call('ZADD', delayed, now + tonumber(ARGV[1]), ARGV[2])
"""
)
