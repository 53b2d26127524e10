using System.Globalization;
using System.Runtime.CompilerServices;

namespace Mainstay.Routing;

/// <summary>
/// The decisions of the latest requests, in memory: room for 65,536 of them, 32 MiB, made page by page in the first round and
/// then never again. Recording waits for nobody. A request's place follows from its number, so that finding it needs no search; the
/// request that comes one round later takes the place over. Safe for any number of threads.
/// </summary>
/// <remarks>Each place is guarded by a stamp, odd while somebody writes (a sequence lock, as in Linux's seqlock.h): whoever reads
/// copies and takes the copy only if the stamp stayed as it was.</remarks>
/// <param name="clock">For the times of arrival.</param>
/// <param name="capacity">Requests kept.</param>
public sealed class DecisionRing(TimeProvider clock, int capacity = DecisionRing.Capacity)
{
    /// <summary>Requests kept, if nothing else is asked for.</summary>
    public const int Capacity = 1 << 16;

    private const int MostSpins = 200;
    private readonly Page?[] _pages = new Page?[(capacity + Page.Size - 1) / Page.Size];
    private readonly DateTimeOffset _since = clock.GetUtcNow();
    private readonly long _sinceTimestamp = clock.GetTimestamp();
    private string? _prefix;

    /// <summary>Begins the record of a request that has just arrived.</summary>
    /// <param name="requestId">As the front made it.</param>
    /// <param name="service">What it asked for; null: no service matched.</param>
    /// <param name="tableVersion">The table in force.</param>
    /// <param name="draw">Its random number.</param>
    internal DecisionRecord Begin(string requestId, LiveService? service, long tableVersion, double draw)
    {
        var arrived = clock.GetTimestamp();
        if (!TryNumber(requestId, out var number))
            return new DecisionRecord(null, service, 0, arrived, clock);
        _prefix ??= PrefixOf(requestId);
        var (page, index) = Of(number);
        ref var slot = ref page.Slots[index];
        // A request that came later has the place: the ring no longer reaches back to this one.
        if (!TryEnter(ref slot, out var stamp))
            return new DecisionRecord(null, service, 0, arrived, clock);
        var isLater = number > slot.Number;
        if (isLater)
        {
            slot.Number = number;
            slot.Arrived = arrived;
            slot.TableVersion = tableVersion;
            slot.Draw = draw;
            (slot.FirstByte, slot.Total, slot.Status, slot.Result) = (0, 0, 0, 0);
            (slot.StepCount, slot.CandidateCount, slot.StepsLeftOut) = (0, 0, 0);
            page.Services[index] = service;
        }
        Leave(ref slot, stamp);
        return new DecisionRecord(isLater ? this : null, service, number, arrived, clock);
    }

    /// <summary>The decision of a request. Null: it is not here; then <paramref name="why"/> says how far back the ring reaches.</summary>
    public Decision? Find(string requestId, out string why)
    {
        why = "";
        if (TryNumber(requestId, out var number) && PrefixOf(requestId) == _prefix)
        {
            var (page, index) = Of(number);
            if (TryCopy(page, index, out var copy, out var service) && copy.Number == number)
                return copy.ToDecision(requestId, service, Time(copy.Arrived));
        }
        why = Unknown(requestId);
        return null;
    }

    /// <summary>The slot of a request, held until <see cref="Leave"/>. A null reference: it has been taken over, or the holder
    /// does not come forward; then nothing is recorded.</summary>
    internal ref DecisionSlot TryOpen(long number, out long stamp)
    {
        var (page, index) = Of(number);
        ref var slot = ref page.Slots[index];
        if (!TryEnter(ref slot, out stamp))
            return ref Unsafe.NullRef<DecisionSlot>();
        if (slot.Number == number)
            return ref slot;
        Leave(ref slot, stamp);
        return ref Unsafe.NullRef<DecisionSlot>();
    }

    internal static void Leave(ref DecisionSlot slot, long stamp) => Volatile.Write(ref slot.Stamp, stamp + 2);

    private static bool TryEnter(ref DecisionSlot slot, out long stamp)
    {
        for (var i = 0; i < MostSpins; i++)
        {
            stamp = Volatile.Read(ref slot.Stamp);
            if ((stamp & 1) == 0 && Interlocked.CompareExchange(ref slot.Stamp, stamp + 1, stamp) == stamp)
                return true;
            Thread.SpinWait(1);
        }
        stamp = 0;
        return false;
    }

    private (Page Page, int Index) Of(long number)
    {
        var place = (int)(number % capacity);
        ref var page = ref _pages[place / Page.Size];
        return (Volatile.Read(ref page) ?? Interlocked.CompareExchange(ref page, new Page(), null) ?? page, place % Page.Size);
    }

    private static bool TryCopy(Page page, int index, out DecisionSlot copy, out LiveService? service)
    {
        ref var slot = ref page.Slots[index];
        for (var i = 0; i < MostSpins; i++)
        {
            var before = Volatile.Read(ref slot.Stamp);
            copy = slot;
            service = page.Services[index];
            // The copy must be made before the stamp is looked at again.
            Interlocked.MemoryBarrier();
            if ((before & 1) == 0 && Volatile.Read(ref slot.Stamp) == before)
                return true;
            Thread.SpinWait(20);
        }
        (copy, service) = (default, null);
        return false;
    }

    private string Unknown(string requestId)
    {
        var shown = requestId.Length > 100 ? requestId[..100] + "…" : requestId;
        if (_prefix is null)
            return $"No request has come in since this process started at {Text(_since)}, so {shown} is not known here.";
        var (oldest, newest, count) = (long.MaxValue, 0L, 0);
        for (var i = 0; i < capacity; i++)
        {
            if (_pages[i / Page.Size] is not { } page || !TryCopy(page, i % Page.Size, out var copy, out _) || copy.Number == 0)
                continue;
            (oldest, newest, count) = (Math.Min(oldest, copy.Arrived), Math.Max(newest, copy.Number), count + 1);
        }
        if (count == 0)
            return $"Request {shown} is not in the record, which is being written over faster than it can be read; ask again.";
        var reach = $"The record reaches back to {Text(Time(oldest))} ({count.ToString("N0", CultureInfo.InvariantCulture)} requests) and is kept in the process that served the request.";
        if (PrefixOf(requestId) is { } prefix && prefix != _prefix)
            return $"Request {shown} was served by another process or before the last start: ids of this one begin with {_prefix}-. {reach}";
        return TryNumber(requestId, out var number) && number > newest
            ? $"Request {shown} has not come in yet; the newest is {_prefix}-{newest:x}. {reach}"
            : $"Request {shown} is not in the record. {reach}";
    }

    /// <summary>Reckoned from the start of the ring, so that a request needs to read one clock only.</summary>
    private DateTimeOffset Time(long timestamp) => _since + clock.GetElapsedTime(_sinceTimestamp, timestamp);

    private static string Text(DateTimeOffset at) => at.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    private static bool TryNumber(string id, out long number)
    {
        number = 0;
        return id.LastIndexOf('-') is var dash and > 0
            && long.TryParse(id.AsSpan(dash + 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number) && number > 0;
    }

    private static string? PrefixOf(string id) => id.LastIndexOf('-') is var dash and > 0 ? id[..dash] : null;

    /// <summary>A part of the ring. The services stand beside the slots, so that those hold no reference.</summary>
    private sealed class Page
    {
        public const int Size = 1024;
        public readonly DecisionSlot[] Slots = new DecisionSlot[Size];
        public readonly LiveService?[] Services = new LiveService?[Size];
    }
}
