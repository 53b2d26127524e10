using Mainstay.Routing;

namespace Mainstay.Tests.Simulation;

/// <summary>What a server can suffer.</summary>
public enum Fault
{
    None,

    /// <summary>Its process is gone: connections are refused.</summary>
    Kill,

    /// <summary>It accepts and says nothing, health checks included.</summary>
    Freeze,

    /// <summary>Everything takes twenty times as long.</summary>
    Slow,

    /// <summary>It answers 5xx, and says that it is well.</summary>
    Errors,
}

/// <summary>One server's behaviour: 12 ms at the median, log-normal; a pause of up to 0.3 s every minute or so; one error in
/// five thousand.</summary>
internal sealed class SimulatedServer(Random random, DateTimeOffset start)
{
    private const double MedianMs = 12;
    private const double Slowness = 20;
    private Fault _fault;
    private double _share = 1;
    private DateTimeOffset _pauseBegins = start.AddSeconds(60 * random.NextDouble());
    private TimeSpan _pause = TimeSpan.FromMilliseconds(100);

    /// <param name="fault">What it does from now on.</param>
    /// <param name="share">How much of the traffic an error hits, 0 to 1.</param>
    public void Begin(Fault fault, double share) => (_fault, _share) = (fault, share);

    public (AttemptResult Result, TimeSpan Took) Answer(DateTimeOffset now, TimeSpan deadline)
    {
        var took = PauseAt(now) + TimeSpan.FromMilliseconds(MedianMs * LogNormal(0.3) * (_fault == Fault.Slow ? Slowness : 1));
        var result = _fault switch
        {
            Fault.Kill => AttemptResult.NotReached,
            Fault.Freeze => AttemptResult.FirstByteTimeout,
            Fault.Errors when random.NextDouble() < _share => AttemptResult.ServerError,
            _ when took > deadline => AttemptResult.FirstByteTimeout,
            _ when random.Next(5000) == 0 => AttemptResult.ServerError,
            _ => AttemptResult.Answered,
        };
        return result switch
        {
            AttemptResult.NotReached => (result, TimeSpan.FromMilliseconds(0.3)),
            AttemptResult.FirstByteTimeout => (result, deadline),
            _ => (result, took),
        };
    }

    public (bool Well, TimeSpan Took) AnswerProbe(DateTimeOffset now, TimeSpan timeout)
    {
        if (_fault == Fault.Kill)
            return (false, TimeSpan.FromMilliseconds(0.3));
        var took = PauseAt(now) + TimeSpan.FromMilliseconds(2 * LogNormal(0.3) * (_fault == Fault.Slow ? Slowness : 1));
        return _fault == Fault.Freeze || took > timeout ? (false, timeout) : (true, took);
    }

    /// <summary>How long a request that comes now waits until the server goes on.</summary>
    private TimeSpan PauseAt(DateTimeOffset now)
    {
        while (now >= _pauseBegins + _pause)
        {
            _pauseBegins += _pause - TimeSpan.FromSeconds(60 * Math.Log(1 - random.NextDouble()));
            _pause = TimeSpan.FromMilliseconds(30 + (270 * random.NextDouble()));
        }
        return now < _pauseBegins ? TimeSpan.Zero : _pauseBegins + _pause - now;
    }

    /// <summary>Box and Muller's normal number, as an exponent.</summary>
    private double LogNormal(double sigma) =>
        Math.Exp(sigma * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
}
