namespace Mainstay.Control.Incidents;

/// <summary>The changes that an incident can go through; each gives a new value.</summary>
internal static class IncidentSteps
{
    private const int LongestTimeline = 500;
    private const int MostStages = 50;

    /// <summary>Adds a line to the timeline; the oldest but the first ten go when it is full.</summary>
    public static Incident Tell(this Incident incident, DateTimeOffset at, string kind, string text)
    {
        var timeline = incident.Timeline.Length < LongestTimeline ? incident.Timeline : incident.Timeline.RemoveAt(10);
        return incident with { Timeline = timeline.Add(new TimelineEntry(at, text) { Kind = kind }) };
    }

    /// <summary>Enters a stage, and says on what evidence; the oldest entries but the first four go when it flaps for long.</summary>
    public static Incident Enter(this Incident incident, Stage stage, DateTimeOffset at, string evidence)
    {
        var stages = incident.Stages.Length < MostStages ? incident.Stages : incident.Stages.RemoveAt(4);
        return (incident with { Stages = stages.Add(new StageEntry(stage, at, evidence)) }).Tell(at, "stage", $"{stage}: {evidence}");
    }
}
