using System.Collections.Concurrent;
using System.Globalization;

namespace Mainstay.Routing.Queue;

/// <summary>
/// The requests of one service that wait for a server, and the answers of those that got one: a file each, in a folder.
/// What was taken in stands on disk before the caller is told. Bounded in number, bytes and age. Safe for any number
/// of threads; one process at a time has the folder.
/// </summary>
internal sealed class RequestQueue : IDisposable
{
    /// <summary>Times a request is sent that may be sent twice, before it is given up.</summary>
    public const int MostTries = 10;

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(60);
    private readonly Lock _lock = new();
    private readonly string _folder;
    private readonly TimeProvider _clock;
    private readonly FileStream _held;
    private readonly SortedDictionary<long, QueuedRequest> _waiting = [];
    private readonly Queue<QueuedRequest> _ended = [];
    private readonly ConcurrentDictionary<string, QueuedRequest> _byKey = [];
    private long _bytes;
    private int _count;
    private int _unknown;
    private long _lastSequence;

    /// <summary>Opens the folder, and makes it if it is missing. What a crash interrupted is sorted out.</summary>
    /// <exception cref="IOException">It cannot be written, or another process has it.</exception>
    public RequestQueue(string folder, QueueWhenDown bounds, TimeProvider clock)
    {
        (_folder, Bounds, _clock) = (folder, bounds, clock);
        try
        {
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(folder);
            else
                Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            _held = new FileStream(Path.Combine(folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
        foreach (var path in Directory.EnumerateFiles(folder, "*.request").Order(StringComparer.Ordinal))
            Recover(path);
    }

    /// <summary>How much it may hold.</summary>
    public QueueWhenDown Bounds { get; set; }

    public int Waiting
    {
        get
        {
            lock (_lock)
                return _waiting.Count;
        }
    }

    /// <summary>Requests kept of which nobody knows whether a server did them.</summary>
    public int Unknown => Volatile.Read(ref _unknown);

    /// <summary>Takes a request in. Returns once the disk has it; null: the queue is full or the disk did not take it.</summary>
    public QueuedRequest? TryAdd(StoredRequest request)
    {
        var size = request.Body.Length + request.Fields.Length + request.Target.Length + 1024L;
        long sequence;
        lock (_lock)
        {
            // Room for an answer that is kept is worth less than room for a request that waits.
            while ((_count >= Bounds.Max || _bytes + size > Bounds.Size) && _ended.TryDequeue(out var oldest))
                Forget(oldest);
            if (_count >= Bounds.Max || _bytes + size > Bounds.Size)
                return null;
            (_count, _bytes, sequence) = (_count + 1, _bytes + size, ++_lastSequence);
        }
        var queued = new QueuedRequest(PathOf(sequence), sequence, request.Id, request.Key, request.At, request.MaySendTwice);
        try
        {
            queued.Size = QueueFile.Create(queued.Path, request);
        }
        catch (IOException)
        {
            lock (_lock)
                (_count, _bytes) = (_count - 1, _bytes - size);
            return null;
        }
        lock (_lock)
        {
            _bytes += queued.Size - size;
            _byKey[queued.Key] = queued;
            _waiting.Add(sequence, queued);
        }
        return queued;
    }

    /// <summary>Takes the oldest request whose turn it is, to be handed back by one of the methods below. Null: there is none.</summary>
    public (QueuedRequest Queued, StoredRequest Request)? TryTake()
    {
        var now = _clock.GetUtcNow();
        QueuedRequest? next;
        lock (_lock)
        {
            next = _waiting.Values.FirstOrDefault(q => !q.IsTaken && q.NotBefore <= now);
            if (next is null)
                return null;
            next.IsTaken = true;
        }
        if (QueueFile.Read(next.Path)?.Request is { } request)
            return (next, request);
        GiveUp(next, "its file can no longer be read", isUnknown: false);
        return null;
    }

    /// <summary>Notes, before it is sent, that a request which must not be sent twice may reach a server now.</summary>
    /// <exception cref="IOException">It could not be noted: it must not be sent.</exception>
    public static void MarkSending(QueuedRequest queued) => QueueFile.MarkSending(queued.Path);

    /// <summary>Hands back a request that surely reached no server, or may be sent twice; it waits a while.</summary>
    /// <param name="queued">The request.</param>
    /// <param name="reached">True: it may have reached a server, and that counts.</param>
    public void PutBack(QueuedRequest queued, bool reached)
    {
        if (reached && ++queued.Tries >= MostTries)
        {
            GiveUp(queued, $"{MostTries} attempts may each have reached a server, and none brought an answer", isUnknown: true);
            return;
        }
        if (!reached && !queued.MaySendTwice && !TryWrite(() => QueueFile.MarkNotSent(queued.Path)))
        {
            // The disk says that it may have been sent, and a restart would believe it. So does this process.
            GiveUp(queued, "that it was not sent could not be written down", isUnknown: true);
            return;
        }
        Delay(queued);
    }

    /// <summary>Hands back a request that was not even tried; it waits a while.</summary>
    public void Delay(QueuedRequest queued)
    {
        lock (_lock)
        {
            queued.Pauses++;
            queued.NotBefore = _clock.GetUtcNow() + Min(FirstPause * Math.Pow(2, Math.Min(queued.Pauses, 10) - 1), LongestPause);
            queued.IsTaken = false;
        }
    }

    /// <summary>A server answered: its answer is kept.</summary>
    public void End(QueuedRequest queued, int status, string contentType, ReadOnlyMemory<byte> body) =>
        End(queued, new StoredAnswer(_clock.GetUtcNow(), status, contentType, "") { Body = body });

    /// <summary>It ends without an answer.</summary>
    /// <param name="queued">The request.</param>
    /// <param name="why">Half a sentence for its caller.</param>
    /// <param name="isUnknown">True: a server may have done it.</param>
    public void GiveUp(QueuedRequest queued, string why, bool isUnknown)
    {
        if (isUnknown)
            Interlocked.Increment(ref _unknown);
        queued.IsUnknown = isUnknown;
        End(queued, new StoredAnswer(_clock.GetUtcNow(), 0, "", why, isUnknown));
    }

    /// <summary>Ends what waited too long, and forgets answers that were kept long enough.</summary>
    public void Expire()
    {
        var since = _clock.GetUtcNow() - Bounds.Keep;
        List<QueuedRequest> late;
        lock (_lock)
        {
            while (_ended.TryPeek(out var oldest) && oldest.EndedAt < since)
                Forget(_ended.Dequeue());
            late = [.. _waiting.Values.TakeWhile(q => q.At < since).Where(q => !q.IsTaken)];
            late.ForEach(q => q.IsTaken = true);
        }
        foreach (var queued in late)
            GiveUp(queued, $"no server could take it within {Bounds.Keep}", isUnknown: queued.Tries > 0);
    }

    /// <summary>The request that a key names, with its answer once there is one; null: none is known.</summary>
    public (QueuedRequest Queued, StoredAnswer? Answer)? Find(string key)
    {
        if (!_byKey.TryGetValue(key, out var queued))
            return null;
        return queued.EndedAt is null ? (queued, null) : QueueFile.Read(queued.Path)?.Answer is { } answer ? (queued, answer) : null;
    }

    public void Dispose() => _held.Dispose();

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private static bool TryWrite(Action write)
    {
        try
        {
            write();
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private void End(QueuedRequest queued, StoredAnswer answer)
    {
        var size = queued.Size;
        // A full disk: the answer without its body may still find room. If even that does not, what the file says decides after
        // a restart; this process does not send the request again.
        if (!TryWrite(() => size = QueueFile.End(queued.Path, answer)))
            TryWrite(() => size = QueueFile.End(queued.Path, answer with { Body = default }));
        lock (_lock)
        {
            _waiting.Remove(queued.Sequence);
            _bytes += size - queued.Size;
            (queued.Size, queued.EndedAt) = (size, answer.At);
            _ended.Enqueue(queued);
        }
    }

    private void Forget(QueuedRequest queued)
    {
        _byKey.TryRemove(queued.Key, out _);
        (_count, _bytes) = (_count - 1, _bytes - queued.Size);
        if (queued.IsUnknown)
            Interlocked.Decrement(ref _unknown);
        QueueFile.TryDelete(queued.Path);
    }

    private void Recover(string path)
    {
        if (!long.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out var sequence))
            return;
        _lastSequence = Math.Max(_lastSequence, sequence);
        if (QueueFile.Read(path) is not { } content)
        {
            // A crash cut it before its caller was told anything.
            QueueFile.TryDelete(path);
            return;
        }
        var (request, isSending, answer) = content;
        var queued = new QueuedRequest(path, sequence, request.Id, request.Key, request.At, request.MaySendTwice) { Size = new FileInfo(path).Length };
        (_count, _bytes) = (_count + 1, _bytes + queued.Size);
        _byKey[queued.Key] = queued;
        if (answer is not null)
        {
            (queued.EndedAt, queued.IsUnknown) = (answer.At, answer.IsUnknown);
            _unknown += answer.IsUnknown ? 1 : 0;
            _ended.Enqueue(queued);
        }
        else if (isSending && !request.MaySendTwice)
        {
            GiveUp(queued, "Mainstay stopped while it was being sent", isUnknown: true);
        }
        else
        {
            _waiting.Add(sequence, queued);
        }
    }

    private string PathOf(long sequence) => Path.Combine(_folder, sequence.ToString("D12", CultureInfo.InvariantCulture) + ".request");
}

/// <summary>A request of the queue as it is remembered; all else stands in its file.</summary>
internal sealed class QueuedRequest(string path, long sequence, string id, string key, DateTimeOffset at, bool maySendTwice)
{
    public string Path => path;

    /// <summary>Its place in the order of arrival.</summary>
    public long Sequence => sequence;

    public string Id => id;

    public string Key => key;

    /// <summary>When it was taken in.</summary>
    public DateTimeOffset At => at;

    public bool MaySendTwice => maySendTwice;

    /// <summary>Bytes of its file.</summary>
    public long Size { get; set; }

    /// <summary>True while somebody sends or ends it.</summary>
    public bool IsTaken { get; set; }

    /// <summary>Times it was sent and may have reached a server.</summary>
    public int Tries { get; set; }

    /// <summary>Times it was put back.</summary>
    public int Pauses { get; set; }

    public DateTimeOffset NotBefore { get; set; }

    /// <summary>True: it ended, and a server may have done it or not.</summary>
    public bool IsUnknown { get; set; }

    /// <summary>Null while it waits.</summary>
    public DateTimeOffset? EndedAt { get; set; }
}
