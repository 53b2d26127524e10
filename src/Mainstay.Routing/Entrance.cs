namespace Mainstay.Routing;

/// <summary>Lets a request in to a server: chooses one and takes a place on it, or waits its turn while every place is taken.</summary>
internal sealed class Entrance(Picker picker, TimeProvider clock)
{
    /// <summary>A place; null if there is no server for it, or it was shed, as the request then says.</summary>
    /// <param name="request">What it has tried already is left out.</param>
    /// <param name="draw">Of the request.</param>
    public async ValueTask<LiveServer.Place?> EnterAsync(RequestInProgress request, double draw)
    {
        var place = IsQueueing(request) ? null : TryEnter(request, draw);
        if (place is null && request.Tried.IsEmpty && request.Service.IsWorthWaiting(request.Unfit))
            place = await WaitAsync(request, draw);
        return place;
    }

    private LiveServer.Place? TryEnter(RequestInProgress request, double draw)
    {
        var (service, tried, unfit) = (request.Service, request.Tried, request.Unfit);
        // Another request may take the one place of a half-open breaker between choice and entry: choose again then.
        for (var i = 0; i < 3; i++)
        {
            var server = picker.Pick(service, tried, draw, unfit, request.Affinity);
            request.Decision.Chose(tried, draw, server, unfit, request.Affinity);
            if (server is null)
                return null;
            if (server.TryEnter(force: false) is { } place)
                return place;
        }
        var last = picker.Pick(service, tried, draw, unfit, request.Affinity);
        request.Decision.Chose(tried, draw, last, unfit, request.Affinity);
        var forced = last?.TryEnter(force: true);
        NotePanic(request, forced);
        return forced;
    }

    /// <summary>Says in the record that a breaker was not heeded because too few servers are left.</summary>
    private static void NotePanic(RequestInProgress request, LiveServer.Place? place)
    {
        if (place is { IsForced: true } && request.Service.HasTooFewLeft(out var left))
            request.Decision.Acted(Reflex.Panic, left, request.Service.Candidates.Length);
    }

    /// <summary>While others wait, whoever comes waits behind those that matter more. A second attempt never waits.</summary>
    private static bool IsQueueing(RequestInProgress request) =>
        request.Service.Admission.Waiting > 0 && request.Tried.IsEmpty && request.Service.IsWorthWaiting(request.Unfit);

    private async Task<LiveServer.Place?> WaitAsync(RequestInProgress request, double draw)
    {
        var (service, began) = (request.Service, clock.GetTimestamp());
        // A place so late that no answer could come in time is of no use. The time that is left is counted from here: the
        // deadline of attempts leaves out what the queue cannot, the time in which this process stood still.
        var latest = began + (long)((service.Spec.Timeouts.Total - service.UsualWait).TotalSeconds * clock.TimestampFrequency);
        (var place, request.Shed) = await service.Admission.WaitAsync(
            request.Priority, service.Spec.Admission, () => EnterFreed(request, draw), latest, request.Exchange.CallerLeft);
        request.Decision.Acted(Reflex.Waited, (long)clock.GetElapsedTime(began).TotalMilliseconds);
        if (place is not null)
        {
            request.Decision.Chose([], draw, place.Server, request.Unfit, request.Affinity);
            NotePanic(request, place);
        }
        else if (request.Shed != Shed.CallerLeft)
            request.Decision.Acted(Reflex.Shed, service.Admission.Waiting);
        return place;
    }

    private LiveServer.Place? EnterFreed(RequestInProgress request, double draw) =>
        picker.Pick(request.Service, [], draw, request.Unfit, request.Affinity) is { } server ? server.TryEnter(force: false) ?? server.TryEnter(force: true) : null;
}
