namespace Mainstay.Control;

/// <summary>What a person asks of the control loop. Carried out in the next tick, and stands in the journal.</summary>
/// <param name="Who">Name of the token that asked, or the operating system's user on the command line.</param>
/// <param name="Why">In the person's words; may be empty.</param>
public abstract record Order(string Who, string Why);

/// <summary>Takes every remedy off at once and starts none until <see cref="ResumeOrder"/>.</summary>
public sealed record PauseOrder(string Who, string Why) : Order(Who, Why);

/// <summary>Lets remedies work again.</summary>
public sealed record ResumeOrder(string Who, string Why) : Order(Who, Why);

/// <summary>Approves a proposed remedy; the guard still checks it.</summary>
/// <param name="RemedyId">Such as "41-1".</param>
public sealed record ApproveOrder(string RemedyId, string Who, string Why) : Order(Who, Why);

/// <summary>Takes traffic away from a region or a server.</summary>
/// <param name="Service">The one service; null: every one.</param>
/// <param name="Region">Null: that of the server.</param>
/// <param name="Server">Null: the whole region.</param>
/// <param name="For">When it ends by itself; null: never.</param>
/// <param name="Force">True: also if no other server would be left.</param>
public sealed record DrainOrder(string? Service, string? Region, string? Server, TimeSpan? For, bool Force, string Who, string Why) : Order(Who, Why);

/// <summary>Gives traffic back that a <see cref="DrainOrder"/> took away.</summary>
public sealed record UndrainOrder(int Number, string Who, string Why) : Order(Who, Why);

/// <summary>Shifts a region's traffic away for a time, to see what would break.</summary>
/// <param name="Service">The one service; null: every one.</param>
public sealed record PracticeOrder(string? Service, string Region, TimeSpan For, string Who, string Why) : Order(Who, Why);

/// <summary>Stops the practice that is in progress.</summary>
public sealed record StopPracticeOrder(string Who, string Why) : Order(Who, Why);

/// <summary>What became of an order.</summary>
/// <param name="Done">False: nothing was changed, and the message says why and what would help.</param>
public sealed record OrderResult(bool Done, string Message)
{
    /// <summary>Number of the drain or practice that it is about; null: neither.</summary>
    public int? Number { get; init; }
}
