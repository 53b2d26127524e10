namespace Mainstay.Bench.Failover;

/// <summary>What becomes of the servers that are hit, from a quarter to three quarters of a run.</summary>
internal enum FailoverFault
{
    /// <summary>SIGKILL; started again at the end.</summary>
    Kill,

    /// <summary>SIGSTOP; the kernel still accepts connections and bytes.</summary>
    Freeze,

    /// <summary>Every connection is reset once a request has come.</summary>
    Reset,

    /// <summary>Every answer is 503.</summary>
    Unavailable,

    /// <summary>30 % of the answers are 500, health checks are well.</summary>
    Errors,

    /// <summary>Ten times as slow, health checks are well.</summary>
    Slow,

    /// <summary>Gone and back in turn.</summary>
    Flapping,
}
