using Mainstay.Routing;

namespace Mainstay.Control.Config;

/// <summary>Reads what a service wants of its reflexes.</summary>
internal static class ReflexReader
{
    public static BreakerPolicy Breaker(Section? section)
    {
        var policy = new BreakerPolicy();
        return section is null ? policy : new BreakerPolicy
        {
            Failures = section.Whole("failures") ?? policy.Failures,
            Share = section.Percent("share") ?? policy.Share,
            Slow = IsOff(section, "slow") ? 0 : section.Number("slow") ?? policy.Slow,
            Eject = section.Percent("eject") ?? policy.Eject,
            Panic = section.Percent("panic") ?? policy.Panic,
        };
    }

    private static bool IsOff(Section section, string name) => section.IsText(name) && section.Text(name) == "off";
}
