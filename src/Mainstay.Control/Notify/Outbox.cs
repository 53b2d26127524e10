using System.Collections.Immutable;
using System.Threading.Channels;
using Mainstay.Control.Config;

namespace Mainstay.Control.Notify;

/// <summary>
/// Messages on their way to people. What was saved is delivered at least once, whatever ends in between; the disk has it before
/// anybody is told. A disk that takes nothing keeps nobody from being told: messages wait in memory then. Safe from any thread.
/// </summary>
public sealed class Outbox : IDisposable
{
    /// <summary>Of all channels together. What comes then is counted and not told.</summary>
    public const int MostWaiting = 50_000;
    private const int MostFailed = 100;
    private const int LargestDigest = 500;

    /// <summary>Failures in a row that are the receiver's, not a message's.</summary>
    private const int Outage = 3;
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan LongestChannelPause = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Channel<bool> _news = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Dictionary<string, Queue> _queues = [];
    private readonly Dictionary<string, string?> _unsavedRows = [];
    private readonly List<Waiting> _unremoved = [];
    private readonly OutboxStore? _store;
    private readonly Random _random;
    private int _waiting;
    private long _dropped;

    /// <param name="store">Null: the disk has no place for it; everything is kept in memory alone.</param>
    /// <param name="seed">Spreads the retries.</param>
    public Outbox(OutboxStore? store, int seed)
    {
        (_store, _random) = (store, new Random(seed));
        foreach (var waiting in store?.ReadMessages() ?? [])
            Enqueue(waiting);
        DropOldFailures();
    }

    /// <summary>Messages that came while too many waited already.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Writes changed rows of state and the messages that follow from them, then lets the messages go. False: the disk took
    /// nothing; rows are written with the next call, and the messages go all the same.</summary>
    /// <param name="rows">Key → value; null: the row goes.</param>
    public bool Save(IReadOnlyDictionary<string, string?> rows, IReadOnlyCollection<Message> messages, DateTimeOffset now, out string? trouble)
    {
        var added = messages.Select(m => new Waiting(m) { Due = now }).ToList();
        List<Waiting> unstored;
        List<Waiting> unremoved;
        lock (_lock)
        {
            foreach (var (key, value) in rows)
                _unsavedRows[key] = value;
            unstored = [.. _queues.Values.SelectMany(q => q.Messages).Where(w => !w.IsStored)];
            unremoved = [.. _unremoved];
        }
        trouble = null;
        if (_unsavedRows.Count > 0 || added.Count > 0 || unstored.Count > 0 || unremoved.Count > 0)
            trouble = Write(unstored, added, unremoved);
        lock (_lock)
        {
            foreach (var waiting in added)
                Enqueue(waiting);
        }
        if (added.Count > 0)
            _news.Writer.TryWrite(true);
        return trouble is null;
    }

    /// <summary>Ends when there is something new to deliver.</summary>
    internal async Task NewsAsync(CancellationToken cancel) => await _news.Reader.ReadAsync(cancel);

    /// <summary>What goes out next by a channel; null: nothing now. Must be followed by <see cref="NoteDelivered"/> or <see cref="NoteFailed"/>.</summary>
    internal Parcel? Next(ChannelConfig channel, DateTimeOffset now)
    {
        Parcel parcel;
        lock (_lock)
        {
            if (!_queues.TryGetValue(channel.Name, out var queue) || now < queue.NotBefore || !queue.HasTurn(channel.Limit, now))
                return null;
            if (Due(queue, now).FirstOrDefault() is not { } first)
                return null;
            parcel = Pack(channel, queue, first, now);
            queue.Turns--;
            if (parcel.Items.Length > 1 && first.Parcel is null)
            {
                foreach (var item in parcel.Items)
                    item.Parcel = parcel.Id;
            }
            else
            {
                return parcel;
            }
        }
        // What goes out together stays together, in this process and the next: only so can a receiver tell a repeat.
        TryUpdate(parcel.Items);
        return parcel;
    }

    internal void NoteDelivered(ChannelConfig channel, Parcel parcel, DateTimeOffset now)
    {
        lock (_lock)
        {
            var queue = _queues[channel.Name];
            foreach (var item in parcel.Items)
            {
                if (queue.Messages.Remove(item))
                    _waiting--;
                item.IsGone = true;
            }
            queue.Delivered += parcel.Items.Length;
            // Back after an outage: what was put off for it is due.
            if (queue.Failures >= Outage)
            {
                foreach (var waiting in queue.Messages.Where(w => w.Due > now))
                    waiting.Due = now;
            }
            (queue.Failures, queue.NotBefore, queue.LastError) = (0, default, null);
        }
        try
        {
            _store?.Remove(parcel.Items);
        }
        catch (IOException)
        {
            lock (_lock)
                _unremoved.AddRange(parcel.Items.Take(MostWaiting - _unremoved.Count));
        }
    }

    /// <param name="result">Why it was not taken.</param>
    internal void NoteFailed(ChannelConfig channel, Parcel parcel, DeliveryResult result, DateTimeOffset now)
    {
        lock (_lock)
        {
            var queue = _queues[channel.Name];
            (queue.LastError, queue.LastErrorAt) = (result.Error, now);
            // One factor for all, so that what failed first is tried first.
            var spread = 0.8 + (0.4 * _random.NextDouble());
            foreach (var item in parcel.Items)
            {
                item.Attempts++;
                item.Error = result.Error;
                item.Due = now + (result.RetryAfter ?? Pause(item.Attempts, LongestPause) * spread);
                item.HasFailed = result.IsRefused || item.Due > item.Message.At + channel.Keep;
                if (item.HasFailed)
                    queue.GivenUp++;
            }
            // One that the receiver refuses says nothing of the others.
            if (!result.IsRefused)
                queue.NotBefore = now + (result.RetryAfter ?? Pause(++queue.Failures, LongestChannelPause) * spread);
        }
        TryUpdate(parcel.Items);
        DropOldFailures();
    }

    /// <summary>Gives up what waits for channels that are configured no more, once it is as old as a channel keeps by default.</summary>
    internal void GiveUpOrphans(IReadOnlySet<string> channels, DateTimeOffset now)
    {
        List<Waiting> orphans;
        lock (_lock)
        {
            orphans =
            [
                .. _queues.Where(q => !channels.Contains(q.Key)).SelectMany(q => q.Value.Messages)
                    .Where(w => !w.HasFailed && now - w.Message.At > TimeSpan.FromDays(1)),
            ];
            foreach (var orphan in orphans)
                (orphan.HasFailed, orphan.Error) = (true, $"notify has no channel {orphan.Message.Channel} any more");
        }
        if (orphans.Count > 0)
            TryUpdate(orphans);
    }

    /// <summary>How each channel stands, for people.</summary>
    public ImmutableArray<ChannelStatus> Status()
    {
        lock (_lock)
        {
            return
            [
                .. _queues.OrderBy(q => q.Key, StringComparer.Ordinal).Select(q => new ChannelStatus(
                    q.Key, q.Value.Messages.Count(w => !w.HasFailed), q.Value.Delivered,
                    q.Value.Messages.Where(w => !w.HasFailed).Select(w => (DateTimeOffset?)w.Message.At).FirstOrDefault(),
                    q.Value.LastError, q.Value.LastError is null ? null : q.Value.LastErrorAt,
                    [.. q.Value.Messages.Where(w => w.HasFailed).TakeLast(20).Select(w => new FailedMessage(w.Message.Id, w.Message.At, w.Message.Title, w.Attempts, w.Error ?? ""))])),
            ];
        }
    }

    public void Dispose() => _store?.Dispose();

    private string? Write(List<Waiting> unstored, List<Waiting> added, List<Waiting> unremoved)
    {
        Dictionary<string, string?> rows;
        lock (_lock)
            rows = new(_unsavedRows);
        try
        {
            _store?.Save(rows, [.. unstored, .. added]);
            if (unremoved.Count > 0)
                _store?.Remove(unremoved);
        }
        catch (IOException e)
        {
            return e.Message;
        }
        lock (_lock)
        {
            foreach (var key in rows.Keys)
                _unsavedRows.Remove(key);
            _unremoved.RemoveAll(unremoved.Contains);
            foreach (var waiting in added.Concat(unstored))
                waiting.IsStored = true;
            // What was delivered from memory meanwhile must not be delivered again after a restart.
            _unremoved.AddRange(unstored.Where(w => w.IsGone));
        }
        return null;
    }

    private void Enqueue(Waiting waiting)
    {
        if (!_queues.TryGetValue(waiting.Message.Channel, out var queue))
            _queues[waiting.Message.Channel] = queue = new Queue();
        if (_waiting >= MostWaiting)
        {
            Interlocked.Increment(ref _dropped);
            return;
        }
        queue.Messages.AddLast(waiting);
        _waiting++;
    }

    /// <summary>What may go out now, oldest first. What belongs to one trouble goes out in order: its end never before its begin.</summary>
    private static IEnumerable<Waiting> Due(Queue queue, DateTimeOffset now)
    {
        HashSet<string>? held = null;
        foreach (var waiting in queue.Messages.Where(w => !w.HasFailed))
        {
            if (waiting.Due > now)
                (held ??= []).Add(waiting.Message.Thread);
            else if (held?.Contains(waiting.Message.Thread) != true)
                yield return waiting;
        }
    }

    private static Parcel Pack(ChannelConfig channel, Queue queue, Waiting first, DateTimeOffset now)
    {
        if (first.Parcel is { } known)
            return new Parcel(known, [.. queue.Messages.Where(w => w.Parcel == known && !w.HasFailed)]);
        // The last turn that is left takes all that wait along. What was sent alone before may have arrived, and goes alone again.
        if (!channel.CanDigest || queue.Turns >= 2 || first.Attempts > 0)
            return new Parcel(first.Message.Id, [first]);
        ImmutableArray<Waiting> due = [.. Due(queue, now).Where(w => w is { Parcel: null, Attempts: 0 }).Take(LargestDigest)];
        return new Parcel(due.Length == 1 ? first.Message.Id : $"digest-{first.Message.Id}", due);
    }

    private static TimeSpan Pause(int failures, TimeSpan longest)
    {
        var pause = FirstPause * Math.Pow(2, Math.Min(failures - 1, 20));
        return pause < longest ? pause : longest;
    }

    private void TryUpdate(IReadOnlyCollection<Waiting> items)
    {
        try
        {
            _store?.Update(items);
        }
        catch (IOException)
        {
            // It is known here; a process that comes after this one tries a little sooner.
        }
    }

    private void DropOldFailures()
    {
        List<Waiting> old;
        lock (_lock)
        {
            var failed = _queues.Values.SelectMany(q => q.Messages).Where(w => w.HasFailed).OrderBy(w => w.Message.At).ToList();
            old = failed.Count <= MostFailed ? [] : failed[..^MostFailed];
            foreach (var waiting in old)
            {
                _queues[waiting.Message.Channel].Messages.Remove(waiting);
                _waiting--;
            }
        }
        try
        {
            if (old.Count > 0)
                _store?.Remove(old);
        }
        catch (IOException)
        {
            // Read again at the next start, and dropped then.
        }
    }

    /// <summary>What waits for one channel.</summary>
    private sealed class Queue
    {
        private DateTimeOffset _countedAt;

        public LinkedList<Waiting> Messages { get; } = [];

        /// <summary>Deliveries it may make at once.</summary>
        public double Turns { get; set; } = double.PositiveInfinity;

        public int Failures { get; set; }

        public DateTimeOffset NotBefore { get; set; }

        public long Delivered { get; set; }

        public long GivenUp { get; set; }

        public string? LastError { get; set; }

        public DateTimeOffset LastErrorAt { get; set; }

        /// <summary>Adds the turns that time brought; as many as a minute brings may gather.</summary>
        public bool HasTurn(double limit, DateTimeOffset now)
        {
            var brought = Math.Max(0, (now - _countedAt).TotalSeconds) * limit;
            Turns = Math.Min(Turns + brought, Math.Max(1, limit * 60));
            _countedAt = now;
            return Turns >= 1;
        }
    }
}

/// <summary>What goes out by one delivery.</summary>
/// <param name="Id">Of the one message, or of what it goes out with; the same for each attempt.</param>
internal sealed record Parcel(string Id, ImmutableArray<Waiting> Items)
{
    public ImmutableArray<Message> Messages => [.. Items.Select(i => i.Message)];
}

/// <summary>How a channel stands.</summary>
/// <param name="Waiting">Messages on their way.</param>
/// <param name="Delivered">Messages since the start.</param>
/// <param name="Oldest">When the oldest of those that wait was written.</param>
/// <param name="LastError">Why the last delivery failed; null: it did not.</param>
/// <param name="Failed">The last ones that were given up.</param>
public sealed record ChannelStatus(
    string Name, int Waiting, long Delivered, DateTimeOffset? Oldest, string? LastError, DateTimeOffset? LastErrorAt, ImmutableArray<FailedMessage> Failed);

/// <summary>A message that was given up.</summary>
public sealed record FailedMessage(string Id, DateTimeOffset At, string Title, int Attempts, string Error);
