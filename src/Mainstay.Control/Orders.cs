using System.Collections.Immutable;
using Mainstay.Control.Alerts;

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

/// <summary>Raises alerts from outside, raises them again, or says that they are over.</summary>
public sealed record RaiseOrder(ImmutableArray<RaisedAlert> Alerts, string Who) : Order(Who, "");

/// <summary>Takes care of an alert: nobody further is told of it until it is over.</summary>
/// <param name="Alert">Number of its group, or the fingerprint of one of them.</param>
public sealed record AcknowledgeOrder(string Alert, string Who, string Why) : Order(Who, Why);

/// <summary>Keeps people from being told of the alerts that all matchers fit.</summary>
public sealed record SilenceOrder(ImmutableArray<Matcher> Matchers, TimeSpan For, string Who, string Why) : Order(Who, Why);

/// <summary>Ends a silence.</summary>
public sealed record UnsilenceOrder(int Number, string Who, string Why) : Order(Who, Why);

/// <summary>A job elsewhere reports that it has run.</summary>
public sealed record HeartbeatOrder(string Job, string Who) : Order(Who, "");

/// <summary>What became of an order.</summary>
/// <param name="Done">False: nothing was changed, and the message says why and what would help.</param>
public sealed record OrderResult(bool Done, string Message)
{
    /// <summary>Number of the drain, practice, alert or silence that it is about; null: none.</summary>
    public int? Number { get; init; }
}
