namespace Mainstay.Control.Incidents;

/// <summary>One line of an incident, or something that a person or a schedule did to the routing, to be told.</summary>
/// <param name="Id">The same for every attempt to deliver it, so that a receiver can tell repeats.</param>
/// <param name="Incident">Number of the incident; null: it is about none.</param>
/// <param name="Kind">detected, cause, stage, remedy, mitigated or resolved; drain, undrain or practice without an incident.</param>
/// <param name="Region">Where.</param>
/// <param name="Services">What.</param>
/// <param name="Stage">The incident's stage now; empty without one.</param>
/// <param name="At">When it happened.</param>
/// <param name="Text">In words.</param>
public sealed record News(
    string Id, int? Incident, string Kind, string Region, IReadOnlyList<string> Services, string Stage, DateTimeOffset At, string Text);
