namespace Mainstay.Routing;

/// <summary>Why a server does not serve a request that another one serves: the first thing that speaks against it.</summary>
public enum PassedOver
{
    /// <summary>Nothing: it serves.</summary>
    No,

    /// <summary>It carries what it can.</summary>
    Full,

    /// <summary>It asked to be spared for a while (Retry-After).</summary>
    Resting,

    /// <summary>It is far slower than its peers.</summary>
    Slow,

    /// <summary>A remedy keeps this request's share of the traffic away from it.</summary>
    Drained,

    /// <summary>Its breaker holds requests back.</summary>
    BreakerOpen,

    /// <summary>Its probes fail.</summary>
    Unwell,

    /// <summary>It has answered nothing for long: it is left alone until a try succeeds.</summary>
    Down,

    /// <summary>Its provider refuses its key or does not know its model: every request would be refused.</summary>
    LockedOut,

    /// <summary>Its limit leaves no free place; a request may wait for one.</summary>
    NoPlace,

    /// <summary>This request has tried it already.</summary>
    Tried,

    /// <summary>It cannot serve this request, such as one that is longer than its model's context.</summary>
    Unfit,

    /// <summary>It stands in no region in which the service may be served.</summary>
    NotAllowed,

    /// <summary>A server of a lower rank can serve.</summary>
    Rank,

    /// <summary>Another region has not yet failed this request.</summary>
    RegionTried,

    /// <summary>A region that comes before its own can serve.</summary>
    Region,

    /// <summary>It stands in another zone than this gateway.</summary>
    Zone,

    /// <summary>It has more outstanding work for its weight.</summary>
    Busier,

    /// <summary>It has no more outstanding work, but takes longer lately.</summary>
    Slower,

    /// <summary>It has no more work, but requests that begin alike go to the other one, whose load allows that.</summary>
    Prefix,

    /// <summary>Nothing: it was as good, and chance took the other one.</summary>
    Chance,
}
