using System.Collections.Immutable;

namespace Mainstay.Routing;

/// <summary>Makes a decision for people of what stands in a slot.</summary>
internal static class DecisionReader
{
    /// <param name="slot">A copy that nobody writes to.</param>
    /// <param name="requestId">The request that it belongs to.</param>
    /// <param name="service">The service as the request saw it; null: none matched.</param>
    /// <param name="at">When it arrived.</param>
    public static Decision ToDecision(this in DecisionSlot slot, string requestId, LiveService? service, DateTimeOffset at)
    {
        var steps = ImmutableArray.CreateBuilder<DecisionStep>(slot.StepCount);
        for (var i = 0; i < slot.StepCount; i++)
            steps.Add(ToStep(slot, slot.Steps[i], service));
        return new Decision(
            requestId, at, service?.Spec.Name, slot.TableVersion, slot.Draw,
            slot.Result == 0 ? null : (OutcomeResult)(slot.Result - 1), slot.Status, new TimeSpan(slot.FirstByte), new TimeSpan(slot.Total),
            steps.ToImmutable(), slot.StepsLeftOut);
    }

    private static DecisionStep ToStep(in DecisionSlot slot, in DecisionSlot.Step step, LiveService? service)
    {
        var server = service is not null && step.Server < service.Servers.Length ? service.Servers[step.Server].Spec : null;
        var made = new DecisionStep((DecisionStepKind)step.Kind, TimeSpan.FromMicroseconds(step.After)) { Server = server?.Name, Region = server?.Region };
        return made.Kind switch
        {
            DecisionStepKind.Choice => made with { Candidates = Candidates(slot, step, service!), CandidatesLeftOut = step.Number },
            DecisionStepKind.Attempt => made with
            {
                Result = (AttemptResult)step.Detail,
                Status = step.Number,
                FirstByte = TimeSpan.FromMicroseconds(step.Amount),
            },
            _ => made with { Reflex = (Reflex)step.Detail, Amount = step.Amount, Of = step.Number },
        };
    }

    private static ImmutableArray<Candidate> Candidates(in DecisionSlot slot, in DecisionSlot.Step step, LiveService service)
    {
        var candidates = ImmutableArray.CreateBuilder<Candidate>(step.Count);
        for (var i = 0; i < step.Count; i++)
        {
            var entry = slot.Candidates[step.First + i];
            var server = service.Servers[entry.Server].Spec;
            var share = service.Overlays.Where(o => o.Covers(service.Spec.Name, server)).Select(o => (double?)o.Share).Min();
            candidates.Add(new Candidate(server.Name, server.Region, entry.Outstanding, server.Weight, (PassedOver)entry.Why, share) { Others = entry.Others });
        }
        return candidates.MoveToImmutable();
    }
}
