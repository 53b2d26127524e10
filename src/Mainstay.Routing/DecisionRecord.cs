using System.Buffers;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Mainstay.Routing;

/// <summary>The pen for one request's decision. Without a ring it writes nothing. Safe for several threads, such as
/// those of a hedged request.</summary>
internal readonly struct DecisionRecord(DecisionRing? ring, LiveService? service, long number, long arrived, TimeProvider clock)
{
    private const int MostOnStack = 64;
    private const int MostCandidates = 16;

    /// <summary>When the request came, as a timestamp of the clock.</summary>
    public long Arrived => arrived;

    /// <summary>Notes a choice, before a place on the chosen server is taken: the loads are those it was made by.</summary>
    /// <param name="tried">As for the choice.</param>
    /// <param name="draw">As for the choice.</param>
    /// <param name="chosen">Null: no server was left.</param>
    /// <param name="unfit">As for the choice.</param>
    /// <param name="affinity">As for the choice.</param>
    public void Chose(ImmutableArray<LiveServer> tried, double draw, LiveServer? chosen, ImmutableArray<LiveServer> unfit = default, Affinity affinity = default)
    {
        if (ring is null || service is null)
            return;
        var servers = service.Servers;
        var rented = servers.Length > MostOnStack ? ArrayPool<PassedOver>.Shared.Rent(servers.Length) : null;
        Span<PassedOver> why = rented ?? stackalloc PassedOver[MostOnStack];
        Picker.Explain(service, tried, draw, chosen, why, unfit, affinity.Prefix != 0);
        ref var slot = ref ring.TryOpen(number, out var stamp);
        if (Unsafe.IsNullRef(ref slot))
            return;
        var first = slot.CandidateCount;
        var room = Math.Min(MostCandidates, DecisionSlot.MostCandidates - first);
        var at = chosen is null ? -1 : servers.IndexOf(chosen);
        if (at >= 0)
            Put(ref slot, servers, at, Picker.Against(service, chosen!, draw), ref room);
        // More than fit: those that could have served come before those that could not.
        for (var pass = 0; pass < 2 && room > 0; pass++)
            for (var i = 0; i < servers.Length && room > 0; i++)
                if (i != at && (why[i] >= PassedOver.Rank) == (pass == 0))
                    Put(ref slot, servers, i, why[i], ref room);
        ref var step = ref NextStep(ref slot, DecisionStepKind.Choice, slot.StepCount == 0 ? 0 : Since(clock.GetTimestamp()));
        if (!Unsafe.IsNullRef(ref step))
        {
            step.Server = at < 0 ? DecisionSlot.NoServer : (ushort)at;
            step.First = first;
            step.Count = (byte)(slot.CandidateCount - first);
            step.Number = (ushort)Math.Min(servers.Length - step.Count, ushort.MaxValue);
        }
        DecisionRing.Leave(ref slot, stamp);
        if (rented is not null)
            ArrayPool<PassedOver>.Shared.Return(rented);
    }

    /// <summary>Notes how an attempt ended.</summary>
    /// <param name="server">The server it was made on.</param>
    /// <param name="result">How it ended.</param>
    /// <param name="status">Status of its answer; 0: none.</param>
    /// <param name="started">Timestamp of its start.</param>
    /// <param name="firstByte">From then to its first byte, or to its failure.</param>
    public void Tried(LiveServer server, AttemptResult result, int status, long started, TimeSpan firstByte)
    {
        if (ring is null || service is null)
            return;
        var after = Microseconds(clock.GetElapsedTime(arrived, started) + firstByte);
        ref var slot = ref ring.TryOpen(number, out var stamp);
        if (Unsafe.IsNullRef(ref slot))
            return;
        ref var step = ref NextStep(ref slot, DecisionStepKind.Attempt, after);
        if (!Unsafe.IsNullRef(ref step))
        {
            step.Detail = (byte)result;
            step.Server = (ushort)service.Servers.IndexOf(server);
            step.Number = (ushort)status;
            step.Amount = Microseconds(firstByte);
        }
        DecisionRing.Leave(ref slot, stamp);
    }

    /// <summary>Notes that a reflex acted.</summary>
    /// <param name="reflex">Which one.</param>
    /// <param name="amount">How much; what it means stands with each reflex.</param>
    /// <param name="of">Of how much at most; 0: unknown.</param>
    public void Acted(Reflex reflex, long amount = 0, long of = 0)
    {
        if (ring is null)
            return;
        var after = Since(clock.GetTimestamp());
        ref var slot = ref ring.TryOpen(number, out var stamp);
        if (Unsafe.IsNullRef(ref slot))
            return;
        ref var step = ref NextStep(ref slot, DecisionStepKind.Reflex, after);
        if (!Unsafe.IsNullRef(ref step))
        {
            step.Detail = (byte)reflex;
            step.Server = DecisionSlot.NoServer;
            step.Number = (ushort)Math.Clamp(of, 0, ushort.MaxValue);
            step.Amount = (uint)Math.Clamp(amount, 0, uint.MaxValue);
        }
        DecisionRing.Leave(ref slot, stamp);
    }

    /// <summary>Notes how the request ended.</summary>
    public void Ended(OutcomeResult result, int status, TimeSpan firstByte, TimeSpan total)
    {
        if (ring is null)
            return;
        ref var slot = ref ring.TryOpen(number, out var stamp);
        if (Unsafe.IsNullRef(ref slot))
            return;
        (slot.Result, slot.Status) = ((byte)(result + 1), (ushort)status);
        (slot.FirstByte, slot.Total) = (firstByte.Ticks, total.Ticks);
        DecisionRing.Leave(ref slot, stamp);
    }

    private static void Put(ref DecisionSlot slot, ImmutableArray<LiveServer> servers, int index, PassedOver why, ref int room)
    {
        if (room <= 0)
            return;
        ref var entry = ref slot.Candidates[slot.CandidateCount++];
        var server = servers[index];
        (entry.Server, entry.Why) = ((ushort)index, (byte)why);
        entry.Outstanding = (ushort)Math.Min(server.Outstanding, ushort.MaxValue);
        entry.Others = (ushort)Math.Min(server.Spec.Ai?.Metrics is null ? 0 : server.Engine(server.Now)?.Others ?? 0, ushort.MaxValue);
        room--;
    }

    private static ref DecisionSlot.Step NextStep(ref DecisionSlot slot, DecisionStepKind kind, uint after)
    {
        if (slot.StepCount >= DecisionSlot.MostSteps)
        {
            slot.StepsLeftOut = (byte)Math.Min(slot.StepsLeftOut + 1, byte.MaxValue);
            return ref Unsafe.NullRef<DecisionSlot.Step>();
        }
        ref var step = ref slot.Steps[slot.StepCount++];
        step = default;
        (step.Kind, step.After) = ((byte)kind, after);
        return ref step;
    }

    private uint Since(long timestamp) => Microseconds(clock.GetElapsedTime(arrived, timestamp));

    private static uint Microseconds(TimeSpan time) => (uint)Math.Clamp(time.Ticks / TimeSpan.TicksPerMicrosecond, 0, uint.MaxValue);
}
