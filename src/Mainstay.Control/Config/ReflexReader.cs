using Mainstay.Routing;

namespace Mainstay.Control.Config;

/// <summary>Reads what a service wants of its reflexes.</summary>
internal static class ReflexReader
{
    /// <summary>A held server of a model is tried again this often: each try is a caller's request, at most ten of them a minute.</summary>
    private static readonly TimeSpan HoldOfModels = TimeSpan.FromSeconds(5.5);

    /// <summary>Of models: two failures in a row, since answers are long and few, and another server is as good.</summary>
    private const int FailuresOfModels = 2;

    public static BreakerPolicy Breaker(Section? section, ModelApi api)
    {
        var policy = api == ModelApi.Http
            ? new BreakerPolicy()
            : new BreakerPolicy { Failures = FailuresOfModels, FirstHold = HoldOfModels, LongestHold = HoldOfModels };
        return section is null ? policy : policy with
        {
            Failures = section.Whole("failures") ?? policy.Failures,
            Share = section.Percent("share") ?? policy.Share,
            Slow = IsOff(section, "slow") ? 0 : section.Number("slow") ?? policy.Slow,
            Eject = section.Percent("eject") ?? policy.Eject,
            Panic = section.Percent("panic") ?? policy.Panic,
        };
    }

    public static HedgePolicy? Hedge(Section? section)
    {
        if (section is null)
            return null;
        section.Require("after");
        var policy = new HedgePolicy { After = section.IsText("after") && section.Text("after") == "p95" ? null : section.Duration("after") };
        return policy with { Budget = section.Percent("budget") ?? policy.Budget };
    }

    /// <param name="section">What is written of it; null: nothing.</param>
    /// <param name="hasAdmission">A service that says who is let in wants a limit.</param>
    public static LimitPolicy Limits(Section? section, bool hasAdmission)
    {
        if (section?.Has("concurrency") != true)
            return new LimitPolicy { IsAdaptive = hasAdmission };
        if (IsOff(section, "concurrency"))
            return new LimitPolicy();
        return section.Text("concurrency") == "adaptive"
            ? new LimitPolicy { IsAdaptive = true }
            : new LimitPolicy { Concurrency = section.Whole("concurrency") ?? 0 };
    }

    public static AdmissionPolicy Admission(Section? section)
    {
        var policy = new AdmissionPolicy();
        return section is null ? policy : new AdmissionPolicy
        {
            Header = Addresses.HeaderName(section, "header"),
            Rules = [.. section.Maps("rules").Select(Rule)],
            Otherwise = section.Choice<Priority>("otherwise") ?? policy.Otherwise,
            Queue = section.Whole("queue") ?? policy.Queue,
            Wait = section.Duration("wait") ?? policy.Wait,
        };
    }

    private static PriorityRule Rule(Section section)
    {
        section.Require("header", "priority");
        if (section.Has("value") == section.Has("sha256"))
            section.Error("says of no value, or twice, which one it means", "write either value, or sha256 where the value is a secret");
        if (section.Text("sha256") is { } hash && (hash.Length != 64 || !hash.All(char.IsAsciiHexDigit)))
            section.Error("sha256", $"{Findings.Quote(hash)} is not a SHA-256", "write what `printf %s VALUE | sha256sum` says");
        return new PriorityRule(
            Addresses.HeaderName(section, "header") ?? "", section.Text("value"), section.Text("sha256"), section.Choice<Priority>("priority") ?? Priority.Default);
    }

    private static bool IsOff(Section section, string name) => section.IsText(name) && section.Text(name) == "off";
}
