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

/// <summary>What became of an order.</summary>
/// <param name="Done">False: nothing was changed, and the message says why and what would help.</param>
public sealed record OrderResult(bool Done, string Message);
