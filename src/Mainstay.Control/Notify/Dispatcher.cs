using System.Collections.Immutable;
using Mainstay.Control.Config;
using Microsoft.Extensions.Logging;

namespace Mainstay.Control.Notify;

/// <summary>
/// Delivers what the outbox holds: each channel by itself and in order, one delivery at a time, so that one that hangs holds up no other.
/// What is not taken is tried again, at first after seconds, later every half hour.
/// </summary>
public sealed partial class Dispatcher : IDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);
    private readonly Dictionary<string, Task> _busy = [];
    private readonly Outbox _outbox;
    private readonly Func<ImmutableArray<ChannelConfig>> _channels;
    private readonly Troubles _troubles;
    private readonly TimeProvider _clock;
    private readonly ILogger<Dispatcher> _log;
    private readonly HttpDelivery _http;
    private readonly SmtpDelivery _mail;

    /// <param name="outbox">What is to be delivered.</param>
    /// <param name="channels">As configured now.</param>
    /// <param name="troubles">Hears of channels that take nothing.</param>
    /// <param name="clock">Times the retries.</param>
    /// <param name="log">For operators.</param>
    public Dispatcher(Outbox outbox, Func<ImmutableArray<ChannelConfig>> channels, Troubles troubles, TimeProvider clock, ILogger<Dispatcher> log)
    {
        (_outbox, _channels, _troubles, _clock, _log) = (outbox, channels, troubles, clock, log);
        (_http, _mail) = (new HttpDelivery(clock), new SmtpDelivery(clock));
    }

    /// <summary>Delivers until cancelled. What is under way then is delivered again after the next start.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        var lastSweep = _clock.GetUtcNow();
        while (!cancel.IsCancellationRequested)
        {
            var channels = _channels();
            foreach (var channel in channels.Where(c => !_busy.TryGetValue(c.Name, out var task) || task.IsCompleted))
                _busy[channel.Name] = DeliverAsync(channel, cancel);
            if (_clock.GetUtcNow() - lastSweep > TimeSpan.FromMinutes(1))
            {
                lastSweep = _clock.GetUtcNow();
                _outbox.GiveUpOrphans(channels.Select(c => c.Name).ToHashSet(), lastSweep);
            }
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            var look = Task.Delay(Look, _clock, either.Token);
            await Task.WhenAny(look, _outbox.NewsAsync(either.Token));
            await either.CancelAsync();
        }
        await Task.WhenAll(_busy.Values).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Sends a message at once, beside the outbox and its limits, and tells what became of it.</summary>
    /// <returns>Empty if it was taken; else why not.</returns>
    public async Task<string> TestAsync(string name, string who, CancellationToken cancel)
    {
        if (_channels().FirstOrDefault(c => c.Name == name) is not { } channel)
            return $"There is no channel {name}. {(_channels().IsEmpty ? "None is configured: write one under notify." : $"Known are: {string.Join(", ", _channels().Select(c => c.Name))}.")}";
        var now = _clock.GetUtcNow();
        var message = new Message
        {
            Id = FormattableString.Invariant($"test-{channel.Name}-{now.ToUnixTimeMilliseconds()}"),
            Channel = channel.Name,
            Kind = MessageKind.Test,
            Thread = "mainstay-test",
            At = now,
            Severity = Severity.Warning,
            Title = "Test of Mainstay",
            Text = $"{who} tries the channel {channel.Name}. Nothing is wrong, and nothing has to be done.",
        };
        var result = await DeliverOnceAsync(channel, new Parcel(message.Id, [new Waiting(message)]), cancel);
        if (result.IsTaken && channel.Kind == ChannelKind.PagerDuty)
            await DeliverOnceAsync(channel, new Parcel(message.Id + "-over", [new Waiting(message with { Id = message.Id + "-over", Kind = MessageKind.Resolved })]), cancel);
        return result.Error ?? "";
    }

    /// <summary>Tells somebody outside that Mainstay lives.</summary>
    /// <returns>Why it was not heard; null: it was.</returns>
    public async Task<string?> BeatAsync(WebAddress address, CancellationToken cancel)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10), _clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, deadline.Token);
        try
        {
            return await _http.BeatAsync(address, either.Token);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            return $"{address.Shown}: no answer within 10 s";
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task DeliverAsync(ChannelConfig channel, CancellationToken cancel)
    {
        try
        {
            // Away from the caller: what follows may find every step ready and would keep the other channels waiting.
            await Task.Yield();
            while (!cancel.IsCancellationRequested && _outbox.Next(channel, _clock.GetUtcNow()) is { } parcel)
            {
                var result = await DeliverOnceAsync(channel, parcel, cancel);
                if (result.IsTaken)
                {
                    _outbox.NoteDelivered(channel, parcel, _clock.GetUtcNow());
                    _troubles.Note($"notify {channel.Name}", null);
                    continue;
                }
                _outbox.NoteFailed(channel, parcel, result, _clock.GetUtcNow());
                _troubles.Note($"notify {channel.Name}", $"{result.Error}. What it does not take is tried again for {channel.Keep.TotalHours:0.#} h.");
                LogNotTaken(channel.Name, parcel.Id, result.Error);
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The program ends; the outbox has it.
        }
        catch (Exception e)
        {
            LogBug(e, channel.Name);
        }
    }

    private async Task<DeliveryResult> DeliverOnceAsync(ChannelConfig channel, Parcel parcel, CancellationToken cancel)
    {
        using var deadline = new CancellationTokenSource(channel.Timeout, _clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, deadline.Token);
        try
        {
            var secret = channel.SecretEnvironment is { } variable && Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : null;
            var first = parcel.Items[0].Message;
            switch (channel.Kind)
            {
                case ChannelKind.Webhook:
                    return await _http.PostAsync(channel, parcel.Id, Bodies.Webhook(parcel), secret, either.Token);
                case ChannelKind.Slack:
                    return await _http.PostAsync(channel, parcel.Id, Bodies.Slack(channel, parcel), null, either.Token);
                case ChannelKind.Teams:
                    return await _http.PostAsync(channel, parcel.Id, Bodies.Teams(channel, parcel), null, either.Token);
                case ChannelKind.PagerDuty:
                    return secret is null
                        ? new DeliveryResult($"the variable {channel.SecretEnvironment} holds no integration key")
                        : await _http.PostAsync(channel, parcel.Id, Bodies.PagerDuty(channel, first, secret), null, either.Token);
                case ChannelKind.Email:
                    var (title, text) = Bodies.Words(channel, parcel);
                    return await _mail.SendAsync(channel, parcel.Id, parcel.Items.Length == 1 ? first.Thread : parcel.Id, title, text, either.Token);
                default:
                    return await CommandDelivery.RunAsync(channel, first, either.Token);
            }
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancel.IsCancellationRequested)
        {
            return new DeliveryResult($"no end within {channel.Timeout.TotalSeconds:0.#} s");
        }
    }

    [LoggerMessage(LogLevel.Warning, "Channel {Channel} did not take {Id}: {Error}")]
    private partial void LogNotTaken(string channel, string id, string error);

    [LoggerMessage(LogLevel.Error, "Channel {Channel} failed by a bug; the others go on.")]
    private partial void LogBug(Exception exception, string channel);
}
