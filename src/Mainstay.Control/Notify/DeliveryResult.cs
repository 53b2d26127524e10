namespace Mainstay.Control.Notify;

/// <summary>What became of one attempt to deliver.</summary>
/// <param name="Error">Why it was not taken; empty if it was. Holds no secret.</param>
/// <param name="IsRefused">True: it will never be taken as it is.</param>
/// <param name="RetryAfter">When the receiver wants it again; null: it does not say.</param>
internal readonly record struct DeliveryResult(string Error, bool IsRefused = false, TimeSpan? RetryAfter = null)
{
    public static DeliveryResult Taken => new("");

    public bool IsTaken => Error is null or "";
}
