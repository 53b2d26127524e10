using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Mainstay.Routing;

/// <summary>
/// The room of one decision in the ring: 512 bytes without a reference, so that the collector of garbage never looks at it.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DecisionSlot
{
    /// <summary>Steps that fit.</summary>
    public const int MostSteps = 12;

    /// <summary>Candidates that fit, those of all choices together.</summary>
    public const int MostCandidates = 32;

    /// <summary>No server.</summary>
    public const ushort NoServer = ushort.MaxValue;

    /// <summary>Odd while somebody writes; greater after every change.</summary>
    public long Stamp;

    /// <summary>The request that has the slot; 0: none yet.</summary>
    public long Number;

    /// <summary>Timestamp of its arrival.</summary>
    public long Arrived;

    public long TableVersion;
    public double Draw;

    /// <summary>Ticks of a time span.</summary>
    public long FirstByte;

    /// <summary>Ticks of a time span.</summary>
    public long Total;

    public ushort Status;

    /// <summary>0: still under way; else <see cref="OutcomeResult"/> + 1.</summary>
    public byte Result;

    public byte StepCount;
    public byte CandidateCount;
    public byte StepsLeftOut;

    public StepRoom Steps;
    public CandidateRoom Candidates;

    /// <summary>One step in 16 bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Step
    {
        /// <summary><see cref="DecisionStepKind"/>.</summary>
        public byte Kind;

        /// <summary><see cref="AttemptResult"/> or <see cref="Routing.Reflex"/>.</summary>
        public byte Detail;

        /// <summary>Place among the service's servers.</summary>
        public ushort Server;

        /// <summary>Of an attempt its status, of a choice the candidates left out, of a reflex the bound; the largest value means that or more.</summary>
        public ushort Number;

        /// <summary>Of a choice: where its candidates begin, and how many they are.</summary>
        public byte First;
        public byte Count;

        /// <summary>Microseconds since arrival; the largest value (71 minutes) means that or later.</summary>
        public uint After;

        /// <summary>Of an attempt microseconds to the first byte, of a reflex the amount.</summary>
        public uint Amount;
    }

    /// <summary>One candidate of a choice in 8 bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct CandidateEntry
    {
        /// <summary>The largest value means that or more.</summary>
        public ushort Outstanding;

        /// <summary>Requests there that others sent, likewise.</summary>
        public ushort Others;

        /// <summary>Place among the service's servers.</summary>
        public ushort Server;

        /// <summary><see cref="PassedOver"/>.</summary>
        public byte Why;
    }

    /// <summary>The steps, in their order.</summary>
    [InlineArray(MostSteps)]
    public struct StepRoom
    {
        private Step _first;
    }

    /// <summary>The candidates of all choices, one after the other.</summary>
    [InlineArray(MostCandidates)]
    public struct CandidateRoom
    {
        private CandidateEntry _first;
    }
}
