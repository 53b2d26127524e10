namespace Mainstay.Bench.Load;

/// <summary>What a server of the benchmark does wrong, as it was told.</summary>
internal enum ServerFault
{
    None,

    /// <summary>Every connection on which a request comes, health checks included, is reset.</summary>
    Reset,

    /// <summary>Every answer, health checks included, is 503.</summary>
    Unavailable,

    /// <summary>30 % of the answers are 500; health checks are well.</summary>
    Errors,

    /// <summary>The work takes ten times as long; health checks are well.</summary>
    Slow,

    /// <summary>All connections are reset, and new ones refused.</summary>
    Down,
}
