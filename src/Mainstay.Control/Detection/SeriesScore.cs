namespace Mainstay.Control.Detection;

/// <summary>What a detector makes of one point.</summary>
/// <param name="Surprise">How unusual the point is: −log10 of a tail probability, combined over the detectors; 0 while nothing is known.</param>
/// <param name="Score">The same from 0 to 1 and only at a first point that is as unusual: 0 in the refractory period behind another.</param>
public readonly record struct SeriesScore(double Surprise, double Score);
